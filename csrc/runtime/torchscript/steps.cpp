#include "steps.hpp"

#include <torch/csrc/jit/ir/constants.h>

#include <cstdint>
#include <string>

namespace egaze::detail {

using torch::jit::Node;
using torch::jit::Value;

Node* user_of(const Value* value) {
  if (value->uses().size() != 1) return nullptr;
  Node* user = value->uses()[0].user;
  return user->owningBlock() == value->node()->owningBlock() ? user : nullptr;
}

Node* step_before(Node* node) {
  Node* before = node->prev();
  while (before->kind() == c10::prim::Constant) before = before->prev();
  return before;
}

Activating activation_of(const Value* value) {
  Node* user = user_of(value);
  if (user == nullptr || user->inputs().size() != 1) return {};
  std::string kind = user->kind().toUnqualString();
  if (kind.ends_with('_')) kind.pop_back();  // the variant in place
  if (kind == "relu") return {user, Activation::relu};
  if (kind == "silu") return {user, Activation::silu};
  if (kind == "sigmoid") return {user, Activation::sigmoid};
  if (kind == "hardswish") return {user, Activation::hardswish};
  if (kind == "hardsigmoid") return {user, Activation::hardsigmoid};
  return {};
}

bool is_mean_of_pixels(const Node* node) {
  if (node->kind() != c10::aten::mean || node->inputs().size() != 4 || !node->input(3)->mustBeNone()) return false;
  const auto dimensions = torch::jit::toIValue(node->input(1)), kept = torch::jit::toIValue(node->input(2));
  return dimensions && dimensions->isIntList() && dimensions->toIntVector() == std::vector<std::int64_t>{2, 3} &&
         kept && kept->isBool() && kept->toBool();
}

std::optional<Excitation> excitation_of(const Value* features) {
  if (features->uses().size() != 2) return std::nullopt;
  Excitation found;
  for (const torch::jit::Use& use : features->uses()) {
    (is_mean_of_pixels(use.user) ? found.mean : found.weighing) = use.user;
  }
  if (found.mean == nullptr || found.weighing == nullptr) return std::nullopt;
  if (found.weighing->kind() != c10::aten::mul) return std::nullopt;
  const torch::jit::Block* block = features->node()->owningBlock();
  if (found.mean->owningBlock() != block || found.weighing->owningBlock() != block) return std::nullopt;
  found.squeeze = user_of(found.mean->output());
  if (found.squeeze == nullptr || found.squeeze->kind() != c10::aten::conv2d) return std::nullopt;
  found.activation = activation_of(found.squeeze->output());
  if (found.activation.node == nullptr) return std::nullopt;
  found.excite = user_of(found.activation.node->output());
  if (found.excite == nullptr || found.excite->kind() != c10::aten::conv2d) return std::nullopt;
  found.gate = activation_of(found.excite->output());
  if (found.gate.node == nullptr || user_of(found.gate.node->output()) != found.weighing) return std::nullopt;
  return found;
}

bool is_depthwise(Node* node) {
  if (node->kind() != c10::aten::conv2d || node->inputs().size() != 7) return false;
  const auto weight = torch::jit::toIValue(node->input(1)), groups = torch::jit::toIValue(node->input(6));
  return weight && weight->isTensor() && weight->toTensor().dim() == 4 && weight->toTensor().size(0) > 1 &&
         weight->toTensor().size(1) == 1 && groups && groups->toInt() == weight->toTensor().size(0);
}

DepthwiseSteps depthwise_steps(Node* convolution) {
  DepthwiseSteps steps;
  steps.convolution = convolution;
  Node* before = convolution->input(0)->node();
  if (before->kind() == c10::aten::pad && user_of(before->output()) == convolution) steps.pad = before;
  steps.activation = activation_of(convolution->output());
  const Node* features = steps.activation.node != nullptr ? steps.activation.node : convolution;
  steps.excitation = excitation_of(features->output());
  return steps;
}

std::optional<c10::ScalarType> cast_of(const Node* node) {
  if (node->kind() != c10::aten::to || node->inputs().size() != 5) return std::nullopt;
  const auto type = torch::jit::toIValue(node->input(1));
  if (!type || !type->isInt()) return std::nullopt;
  return static_cast<c10::ScalarType>(type->toInt());
}

bool is_tensor_constant(const Node* node) {
  return node->kind() == c10::prim::Constant && node->hasAttribute(c10::attr::value) &&
         node->kindOf(c10::attr::value) == torch::jit::AttributeKind::t;
}

std::optional<std::vector<std::int64_t>> constant_ints(Value* value) {
  if (const auto constant = torch::jit::toIValue(value)) {
    return constant->isIntList() ? std::optional(constant->toIntVector()) : std::nullopt;
  }
  if (value->node()->kind() != c10::prim::ListConstruct) return std::nullopt;
  std::vector<std::int64_t> ints;
  for (Value* element : value->node()->inputs()) {
    const auto constant = torch::jit::toIValue(element);
    if (!constant || !constant->isInt()) return std::nullopt;
    ints.push_back(constant->toInt());
  }
  return ints;
}

}  // namespace egaze::detail
