// What a frozen program computes in.
#pragma once

#include <torch/script.h>

#include <string>

#include "egaze/predictor.hpp"

namespace egaze::detail {

// Calls visit(node) for the nodes of a block, those of nested blocks among them.
template <class Visit>
void visit_nodes(torch::jit::Block* block, const Visit& visit) {
  for (torch::jit::Node* node : block->nodes()) {
    visit(node);
    for (torch::jit::Block* inner : node->blocks()) visit_nodes(inner, visit);
  }
}

// Casts a program that was exported in one precision, "fp32" or "bf16", to the one wanted, as egaze/deploy/graph.py
// does when it exports.
void set_precision(torch::jit::Module& module, const std::string& exported, Precision wanted);

}  // namespace egaze::detail
