// A program's text to its graph.
#pragma once

#include <cstdint>
#include <string_view>

#include "graph_builder.hpp"

namespace egaze::detail {

// What comes before the first statement of every program.
extern const std::string_view kProgramHead;

// One frozen forward(image: Tensor) -> (Tensor, Tensor): statements that give names to what operators on tensors,
// constants and lists of them come to, and a return of two tensors at the end. There is no other method, so none that
// runs on loading (__setstate__); no attribute, branch, loop, import or nested function. Nothing gets a name twice.
// Throws ProgramError, which gives the line.
TypedGraph parse_program(std::string_view text, GraphBuilder builder, std::int64_t classes, std::int64_t nesting);

}  // namespace egaze::detail
