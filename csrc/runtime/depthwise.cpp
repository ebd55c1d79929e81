#include "depthwise.hpp"

#include <ATen/ATen.h>
#include <torch/csrc/jit/ir/constants.h>

#include <algorithm>
#include <optional>

namespace egaze::detail {
namespace {

using torch::jit::Graph;
using torch::jit::Node;
using torch::jit::Value;

// Channels weighed by a function of their means: the steps of it, in their order.
struct Excitation {
  Node* mean;
  const Convolution* squeeze;
  Activating activation;
  const Convolution* excite;
  Activating gate;
  Node* weighing;
};

bool is_depthwise(const Convolution& convolution) {
  const at::Tensor& weight = convolution.weight;
  const c10::ScalarType type = weight.scalar_type();
  if (weight.dim() != 4 || weight.size(1) != 1 || weight.size(0) != convolution.groups ||
      convolution.input_shape[1] != convolution.groups || weight.size(2) != weight.size(3) ||
      convolution.stride.size() != 2 || convolution.stride[0] != convolution.stride[1] ||
      convolution.padding.size() != 2 || convolution.dilation != Ints{1, 1} ||
      (type != c10::kFloat && type != c10::kBFloat16)) {
    return false;
  }
  return has_depthwise(static_cast<std::size_t>(weight.size(2)), static_cast<std::size_t>(convolution.stride[0]));
}

// The only user of a value, or null.
Node* user_of(const Value* value) { return value->uses().size() == 1 ? value->uses()[0].user : nullptr; }

// The convolution that alone uses a value, if it is a product.
const Convolution* product_of(const Value* value, const std::vector<Convolution>& convolutions) {
  const Node* user = user_of(value);
  const auto found = std::ranges::find_if(convolutions, [user](const Convolution& each) { return each.node == user; });
  return found != convolutions.end() && is_product(*found) ? &*found : nullptr;
}

// What follows a convolution's features if it is squeeze and excitation: nothing but it uses them.
std::optional<Excitation> excitation_of(const Value* features, const std::vector<Convolution>& convolutions) {
  if (features->uses().size() != 2) return std::nullopt;
  Excitation found{};
  for (const torch::jit::Use& use : features->uses()) (use.offset == 0 && is_mean_of_pixels(use.user) ? found.mean
                                                                                             : found.weighing) = use.user;
  if (found.mean == nullptr || found.weighing == nullptr || found.weighing->kind() != c10::aten::mul) return std::nullopt;
  found.squeeze = product_of(found.mean->output(), convolutions);
  if (found.squeeze == nullptr) return std::nullopt;
  found.activation = activation_of(found.squeeze->node->output());
  if (found.activation.node == nullptr) return std::nullopt;
  found.excite = product_of(found.activation.node->output(), convolutions);
  if (found.excite == nullptr) return std::nullopt;
  found.gate = activation_of(found.excite->node->output());
  if (found.gate.node == nullptr || user_of(found.gate.node->output()) != found.weighing) return std::nullopt;
  return found;
}

at::Tensor bias_of(const Convolution& convolution) {
  if (convolution.bias.isNone()) return at::zeros({convolution.weight.size(0)});
  return convolution.bias.toTensor().to(at::kFloat).contiguous();
}

// (in, out) of a product, in either case with what varies last in the kernels' loops.
at::Tensor rows_of(const Convolution& product) {
  return product.weight.to(at::kFloat).flatten(1).t().contiguous();
}

// left, right, top, bottom.
Ints sides_of(const Convolution& convolution) {
  if (convolution.pad != nullptr) return convolution.pad_sides;
  return {convolution.padding[1], convolution.padding[1], convolution.padding[0], convolution.padding[0]};
}

void write_depthwise(Graph& graph, const Convolution& convolution, const Activating& activation,
                     const std::optional<Excitation>& excitation) {
  const torch::jit::WithInsertPoint here(convolution.node);
  const Ints sides = sides_of(convolution);
  const Ints geometry = {convolution.weight.size(2), convolution.stride[0], sides[2], sides[0], sides[3], sides[1]};
  const auto constant = [&graph](const c10::IValue& value) { return graph.insertConstant(value); };
  const auto kind = [&](const Activating& step) { return constant(static_cast<std::int64_t>(step.kind)); };
  const auto of = [&](auto parameter, const Convolution* product) {
    return constant(product == nullptr ? c10::IValue() : c10::IValue(parameter(*product)));
  };
  const Excitation steps = excitation.value_or(Excitation{});
  Value* output = insert_operator(
      graph, depthwise_operator(),
      {convolution.input(), constant(convolution.weight.to(at::kFloat).flatten(1).t().contiguous()),
       constant(bias_of(convolution)), constant(geometry), kind(activation), of(rows_of, steps.squeeze),
       of(bias_of, steps.squeeze), of(rows_of, steps.excite), of(bias_of, steps.excite), kind(steps.activation),
       kind(steps.gate)});
  Node* const last = excitation ? steps.weighing : activation.node != nullptr ? activation.node : convolution.node;
  last->output()->replaceAllUsesWith(output);
  // Users before what they use.
  for (Node* node : {steps.weighing, steps.gate.node, excitation ? steps.excite->node : nullptr, steps.activation.node,
                     excitation ? steps.squeeze->node : nullptr, steps.mean, activation.node, convolution.node}) {
    if (node != nullptr) node->destroy();
  }
}

}  // namespace

void take_over_depthwise(Graph& graph, std::vector<Convolution>& convolutions) {
  std::vector<Node*> taken;
  for (const Convolution& convolution : convolutions) {
    if (!is_depthwise(convolution)) continue;
    const Activating activation = activation_of(convolution.node->output());
    const Node* features = activation.node != nullptr ? activation.node : convolution.node;
    const std::optional<Excitation> excitation = excitation_of(features->output(), convolutions);
    taken.push_back(convolution.node);
    if (excitation) taken.insert(taken.end(), {excitation->squeeze->node, excitation->excite->node});
    write_depthwise(graph, convolution, activation, excitation);
  }
  std::erase_if(convolutions, [&](const Convolution& each) { return std::ranges::count(taken, each.node) > 0; });
}

}  // namespace egaze::detail
