// The precision in which a frozen program computes.
#pragma once

#include <torch/script.h>

#include <string>

#include "egaze/predictor.hpp"

namespace egaze::detail {

// Calls visit(node) for all nodes of a block, including those of nested blocks.
template <class Visit>
void visit_nodes(torch::jit::Block* block, const Visit& visit) {
  for (torch::jit::Node* node : block->nodes()) {
    visit(node);
    for (torch::jit::Block* inner : node->blocks()) visit_nodes(inner, visit);
  }
}

// Casts a program that was exported in the precision "fp32" or "bf16" to the wanted one, by the same rules as
// egaze/deploy/graph.py.
void set_precision(torch::jit::Module& module, const std::string& exported, Precision wanted);

}  // namespace egaze::detail
