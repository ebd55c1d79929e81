// Writes the text of a program from its graph.
#pragma once

#include <string>

#include "typed_graph.hpp"

namespace egaze::detail {

// Writes one statement for each operator. Values have the names x0, x1 and so on; the archive's tensors keep their numbers.
// `parse_program` reads the same graph from this text, and write_program writes the same text from that graph.
std::string write_program(const TypedGraph& graph);

}  // namespace egaze::detail
