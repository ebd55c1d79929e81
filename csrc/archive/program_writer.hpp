// A graph back to a program's text.
#pragma once

#include <string>

#include "typed_graph.hpp"

namespace egaze::detail {

// One statement an operator, names of its own, and the archive's tensors under the numbers they had. What it means to
// `parse_program` is the same graph, and it writes that as the same text.
std::string write_program(const TypedGraph& graph);

}  // namespace egaze::detail
