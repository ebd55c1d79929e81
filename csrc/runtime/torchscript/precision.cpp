#include "precision.hpp"

#include <torch/csrc/jit/ir/alias_analysis.h>
#include <torch/csrc/jit/ir/constants.h>
#include <torch/csrc/jit/ir/ir.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <unordered_set>
#include <vector>

#include "steps.hpp"

namespace egaze::detail {
namespace {

using torch::jit::Graph;
using torch::jit::Node;
using torch::jit::Value;

// A part of a program that keeps computing in float32 when the rest computes in bfloat16.
struct Part {
  Node* entry = nullptr;     // its input is cast to float32; null if that is the image, which is float32
  std::vector<Node*> steps;  // nodes whose constant tensors stay float32
  Value* output = nullptr;   // the value that is cast for the nodes after this part
};

// Whether a step uses only the shape of the image that it is given.
bool uses_shape_only(const Node* node) { return node->kind() == c10::aten::expand_as; }

// Finds the steps from the image up to the first convolution and the activation that follows it. If several steps use
// the image, or a value on the way, the part consists of the image alone.
Part first_part(Graph& graph) {
  Value* const image = graph.inputs().at(1);
  Part part{nullptr, {}, image};
  while (part.steps.empty() || part.steps.back()->kind() != c10::aten::conv2d) {
    std::vector<Node*> users;
    for (const torch::jit::Use& use : part.output->uses()) {
      if (!uses_shape_only(use.user)) users.push_back(use.user);
    }
    if (users.size() != 1 || users[0]->outputs().size() != 1) return {nullptr, {}, image};
    part.steps.push_back(users[0]);
    part.output = users[0]->output();
  }
  Node* user = user_of(part.output);
  if (user != nullptr && user->inputs().size() == 1 && user->outputs().size() == 1) part.output = user->output();
  return part;
}

std::vector<Part> depthwise_parts(Graph& graph) {
  std::vector<Part> parts;
  for (Node* node : graph.block()->nodes()) {
    if (!is_depthwise(node)) continue;
    const DepthwiseSteps steps = depthwise_steps(node);
    Part part{steps.entry(), {node}, steps.last()->output()};
    if (steps.excitation) part.steps.insert(part.steps.end(), {steps.excitation->squeeze, steps.excitation->excite});
    parts.push_back(std::move(part));
  }
  return parts;
}

// Gives a step its own copies of its constant tensors, and adds these to `kept`.
void own_constants(Graph& graph, Node* step, std::unordered_set<const Node*>& kept) {
  const torch::jit::WithInsertPoint here(step);
  for (std::size_t i = 0; i < step->inputs().size(); ++i) {
    Node* constant = step->input(i)->node();
    if (!is_tensor_constant(constant)) continue;
    Value* own = graph.insertConstant(constant->t(c10::attr::value));
    step->replaceInput(i, own);
    kept.insert(own->node());
    if (!constant->hasUses()) constant->destroy();
  }
}

void cast_constant(Node* node, c10::ScalarType from, c10::ScalarType to) {
  if (!is_tensor_constant(node) || node->t(c10::attr::value).scalar_type() != from) return;
  node->t_(c10::attr::value, node->t(c10::attr::value).to(to));
  node->output()->inferTypeFrom(node->t(c10::attr::value));
}

Value* insert_cast(Graph& graph, Value* value, c10::ScalarType type, Node* before) {
  const torch::jit::WithInsertPoint here(before);
  return graph.insert(c10::aten::to, {value, static_cast<std::int64_t>(type), false, false});
}

void cast_to_bf16(Graph& graph) {
  std::vector<Part> parts = depthwise_parts(graph);
  parts.push_back(first_part(graph));
  std::unordered_set<const Node*> kept;
  for (const Part& part : parts) {
    for (Node* step : part.steps) own_constants(graph, step, kept);
  }
  visit_nodes(graph.block(), [&](Node* node) {
    if (!kept.contains(node)) cast_constant(node, c10::kFloat, c10::kBFloat16);
  });
  for (const Part& part : parts) {
    if (part.entry != nullptr) {
      part.entry->replaceInput(0, insert_cast(graph, part.entry->input(0), c10::kFloat, part.entry));
    }
    const bool is_image = part.output->node()->kind() == c10::prim::Param;
    Node* following = is_image ? *graph.block()->nodes().begin() : part.output->node()->next();
    Value* cast = insert_cast(graph, part.output, c10::kBFloat16, following);
    part.output->replaceAllUsesAfterNodeWith(cast->node(), cast);
  }
}

// The casts to bfloat16 whose result or operand a later step changes in place. They must become copies: a cast from
// float32 to float32 returns its operand itself.
std::unordered_set<const Node*> casts_to_copy(const std::shared_ptr<Graph>& graph) {
  std::vector<Node*> casts, changing;
  visit_nodes(graph->block(), [&](Node* node) {
    if (cast_of(node) == c10::kBFloat16) casts.push_back(node);
    if (node->maybeSchema() != nullptr && node->schema().is_mutable()) changing.push_back(node);
  });
  const torch::jit::AliasDb aliases(graph);
  std::unordered_set<const Node*> found;
  for (Node* cast : casts) {
    if (std::ranges::any_of(changing, [&](Node* step) {
          return !step->isBefore(cast) && aliases.writesToAlias(step, {cast->output(), cast->input(0)});
        })) {
      found.insert(cast);
    }
  }
  return found;
}

void cast_to_fp32(const std::shared_ptr<Graph>& graph) {
  const std::unordered_set<const Node*> to_copy = casts_to_copy(graph);
  visit_nodes(graph->block(), [&](Node* node) {
    cast_constant(node, c10::kBFloat16, c10::kFloat);
    if (cast_of(node) != c10::kBFloat16) return;
    const torch::jit::WithInsertPoint here(node);
    node->replaceInput(1, graph->insertConstant(static_cast<std::int64_t>(c10::kFloat)));
    if (to_copy.contains(node)) node->replaceInput(3, graph->insertConstant(true));
  });
}

}  // namespace

void set_precision(torch::jit::Module& module, const std::string& exported, Precision wanted) {
  const bool is_bf16 = exported == "bf16";
  if (wanted == Precision::exported || (wanted == Precision::bf16) == is_bf16) return;
  const std::shared_ptr<Graph> graph = module.get_method("forward").graph();
  if (is_bf16) {
    cast_to_fp32(graph);
  } else {
    cast_to_bf16(*graph);
  }
}

}  // namespace egaze::detail
