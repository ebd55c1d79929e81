#include "depthwise_fusion.hpp"

#include <ATen/ATen.h>
#include <torch/csrc/jit/ir/constants.h>

#include <algorithm>

namespace egaze::detail {
namespace {

using torch::jit::Graph;
using torch::jit::Node;
using torch::jit::Value;

bool has_kernel(const Convolution& convolution) {
  const at::Tensor& weight = convolution.weight;
  const c10::ScalarType type = weight.scalar_type();
  return is_depthwise(convolution.node) && convolution.input_shape[1] == convolution.groups &&
         weight.size(2) == weight.size(3) && convolution.stride.size() == 2 &&
         convolution.stride[0] == convolution.stride[1] && convolution.padding.size() == 2 &&
         convolution.dilation == Ints{1, 1} && (type == c10::kFloat || type == c10::kBFloat16) &&
         has_depthwise(static_cast<std::size_t>(weight.size(2)), static_cast<std::size_t>(convolution.stride[0]));
}

// Returns the convolution of a step if it is a product (see is_product), and otherwise null.
const Convolution* product_at(const Node* step, const std::vector<Convolution>& convolutions) {
  const auto found = std::ranges::find_if(convolutions, [step](const Convolution& each) { return each.node == step; });
  return found != convolutions.end() && is_product(*found) ? &*found : nullptr;
}

at::Tensor bias_of(const Convolution& convolution) {
  if (convolution.bias.isNone()) return at::zeros({convolution.weight.size(0)});
  return convolution.bias.toTensor().to(at::kFloat).contiguous();
}

// The weights of a product as (in, out), the order in which the kernels read them.
at::Tensor rows_of(const Convolution& product) { return product.weight.to(at::kFloat).flatten(1).t().contiguous(); }

// precision.cpp casts the input of a depthwise convolution from bfloat16 to float32 and the output back. The operator
// needs neither cast, because it always computes in float32. Returns the second cast, or null if there are no casts.
Node* narrowing_of(const Convolution& convolution, const Node* last) {
  Node* user = convolution.widening != nullptr ? user_of(last->output()) : nullptr;
  return user != nullptr && cast_of(user) == c10::kBFloat16 ? user : nullptr;
}

void write_depthwise(Graph& graph, const Convolution& convolution, const DepthwiseSteps& steps,
                     const Convolution* squeeze, const Convolution* excite) {
  const torch::jit::WithInsertPoint here(convolution.node);
  Node* narrowing = narrowing_of(convolution, steps.last());
  Value* image = narrowing != nullptr ? convolution.widening->input(0) : convolution.input();
  const bool bf16 = narrowing != nullptr || convolution.weight.scalar_type() == c10::kBFloat16;
  const Ints sides = sides_of(convolution);
  const Ints geometry = {convolution.weight.size(2), convolution.stride[0], sides[2], sides[0], sides[3], sides[1]};
  const auto constant = [&graph](const c10::IValue& value) { return graph.insertConstant(value); };
  const auto kind = [&](const Activating& step) { return constant(static_cast<std::int64_t>(step.kind)); };
  const auto of = [&](auto parameter, const Convolution* product) {
    return constant(product == nullptr ? c10::IValue() : c10::IValue(parameter(*product)));
  };
  const Excitation excitation = steps.excitation.value_or(Excitation{});
  Value* output = insert_operator(
      graph, depthwise_operator(),
      {insert_unpadded(graph, convolution, image),
       constant(convolution.weight.to(at::kFloat).flatten(1).t().contiguous()), constant(bias_of(convolution)),
       constant(geometry), kind(steps.activation), of(rows_of, squeeze), of(bias_of, squeeze), of(rows_of, excite),
       of(bias_of, excite), kind(excitation.activation), kind(excitation.gate),
       constant(static_cast<std::int64_t>(bf16 ? c10::kBFloat16 : c10::kFloat))});
  (narrowing != nullptr ? narrowing : steps.last())->output()->replaceAllUsesWith(output);
  // A node can be destroyed only after the nodes that use it.
  for (Node* node :
       {narrowing, excitation.weighing, excitation.gate.node, excitation.excite, excitation.activation.node,
        excitation.squeeze, excitation.mean, steps.activation.node, convolution.node}) {
    if (node != nullptr) node->destroy();
  }
}

}  // namespace

void take_over_depthwise(Graph& graph, std::vector<Convolution>& convolutions) {
  std::vector<Node*> taken;  // convolutions that have been destroyed
  const auto is_taken = [&](const Convolution& each) { return std::ranges::count(taken, each.node) > 0; };
  for (const Convolution& convolution : convolutions) {
    if (is_taken(convolution) || !has_kernel(convolution)) continue;
    DepthwiseSteps steps = depthwise_steps(convolution.node);
    const Convolution* squeeze = steps.excitation ? product_at(steps.excitation->squeeze, convolutions) : nullptr;
    const Convolution* excite = steps.excitation ? product_at(steps.excitation->excite, convolutions) : nullptr;
    // With other numbers of channels, the multiplication would broadcast the features or the gates.
    if (squeeze == nullptr || excite == nullptr || squeeze->weight.size(1) != convolution.groups ||
        excite->weight.size(1) != squeeze->weight.size(0) || excite->weight.size(0) != convolution.groups) {
      steps.excitation.reset();
      squeeze = excite = nullptr;
    }
    taken.push_back(convolution.node);
    if (squeeze != nullptr) taken.insert(taken.end(), {squeeze->node, excite->node});
    write_depthwise(graph, convolution, steps, squeeze, excite);
  }
  std::erase_if(convolutions, is_taken);
}

}  // namespace egaze::detail
