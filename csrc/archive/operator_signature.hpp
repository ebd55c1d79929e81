// Signatures of operators, and the arguments of calls.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "typed_graph.hpp"

namespace egaze::detail {

// Reads parameters from a text such as "Tensor self, int dim=-1, *, Scalar? correction=None".
std::vector<Parameter> parse_signature(std::string_view signature);

struct CallArgument {
  std::string name;  // the name of the parameter; "" for a positional argument
  Argument value;
};

// Returns one argument for each parameter, with defaults filled in. Throws ProgramError for too many or too few arguments,
// unknown names and values of the wrong kind.
std::vector<Argument> bind(const std::vector<Parameter>& parameters, std::vector<CallArgument> call);

}  // namespace egaze::detail
