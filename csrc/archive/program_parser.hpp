// Reads the graph of a program from its text.
#pragma once

#include <cstdint>
#include <string_view>

#include "graph_builder.hpp"

namespace egaze::detail {

// The text before the first statement of every program: of one that returns two tensors, and of one with class heatmaps,
// which returns three.
extern const std::string_view kProgramHead, kProgramHeadWithClassHeatmaps;

// A program is a single method, forward(image: Tensor) -> (Tensor, Tensor), or with `class_heatmaps` -> (Tensor, Tensor,
// Tensor). Its statements assign results of operators to names; arguments are tensors, constants and lists of them; the
// last statement returns the tensors. There is no other method (such as __setstate__, which would run while a file is
// loaded) and no attribute, branch, loop, import or nested function, and no name is assigned twice. Throws ProgramError,
// whose message ends with the line.
TypedGraph parse_program(std::string_view text, GraphBuilder builder, std::int64_t classes, std::int64_t nesting,
                         bool class_heatmaps = false);

}  // namespace egaze::detail
