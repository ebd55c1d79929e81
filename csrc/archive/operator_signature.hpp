// Operators' signatures, and calls that fit them.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "typed_graph.hpp"

namespace egaze::detail {

// "Tensor self, int dim=-1, *, Scalar? correction=None" to parameters.
std::vector<Parameter> parse_signature(std::string_view signature);

struct CallArgument {
  std::string name;  // of the parameter; "" goes by its place
  Argument value;
};

// One argument a parameter, defaults filled in. Throws ProgramError for too many or too few, unknown names and values
// of another kind.
std::vector<Argument> bind(const std::vector<Parameter>& parameters, std::vector<CallArgument> call);

}  // namespace egaze::detail
