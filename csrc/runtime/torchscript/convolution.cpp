#include "convolution.hpp"

#include <ATen/ATen.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <torch/csrc/jit/ir/constants.h>

#include <algorithm>
#include <array>
#include <optional>
#include <string>

#include "assumptions.hpp"
#include "kernels/convolution.hpp"
#include "operator_arguments.hpp"

namespace egaze::detail {
namespace {

using torch::jit::Graph;
using torch::jit::Node;
using torch::jit::Stack;
using torch::jit::Value;

constexpr const char* kPointwise = "mkldnn::_convolution_pointwise";
constexpr const char* kTransposed = "mkldnn::_convolution_transpose_pointwise";
constexpr const char* kReorderWeight = "mkldnn::_reorder_convolution_weight";
constexpr const char* kReorderTransposedWeight = "mkldnn::_reorder_convolution_transpose_weight";
constexpr const char* kBf16Supported = "mkldnn::_is_mkldnn_bf16_supported";

std::optional<c10::OperatorHandle> find_operator(const char* name) {
  return c10::Dispatcher::singleton().findSchema({name, ""});
}

// An activation that oneDNN's operators support, with the name that they use for it.
struct NamedActivation {
  Node* node = nullptr;
  std::string name = "none";
};

NamedActivation named_activation_of(const Value* value) {
  const Activating activating = activation_of(value);
  switch (activating.kind) {
    case Activation::relu: return {activating.node, "relu"};
    case Activation::silu: return {activating.node, "swish"};
    case Activation::sigmoid: return {activating.node, "sigmoid"};
    case Activation::hardswish: return {activating.node, "hardswish"};
    default: return {};
  }
}

// The only activation that can follow a sum within one operator.
NamedActivation relu_of(const Value* value) {
  const NamedActivation activation = named_activation_of(value);
  return activation.name == "relu" ? activation : NamedActivation{};
}

// Replaces an asymmetric padding, with more zeros on the right and at the bottom, by padding of the convolution itself.
// That padding is the same on opposite sides, so the kernel gets zeros on the left and at the top.
Convolution with_padding_taken_in(Convolution convolution) {
  if (convolution.pad == nullptr) return convolution;
  const std::int64_t left = convolution.pad_sides[0], right = convolution.pad_sides[1];
  const std::int64_t top = convolution.pad_sides[2], bottom = convolution.pad_sides[3];
  convolution.weight = at::constant_pad_nd(convolution.weight, {right - left, 0, bottom - top, 0});
  convolution.padding = {bottom, right};
  return convolution;
}

at::Tensor packed_weight(const Convolution& convolution) {
  Stack stack = {convolution.weight.contiguous(at::MemoryFormat::ChannelsLast),
                 convolution.padding,
                 convolution.stride,
                 convolution.dilation,
                 convolution.groups,
                 convolution.input_shape};
  find_operator(kReorderWeight).value().callBoxed(stack);
  return stack.back().toTensor();
}

// The layer of egaze's own operator, for the input shape that was observed.
ConvolutionLayer own_layer(const Convolution& convolution) {
  const auto size = [](std::int64_t value) { return static_cast<std::size_t>(value); };
  const bool doubles = convolution.upsampling != nullptr;
  const Ints& image = doubles ? convolution.coarse_shape : convolution.input_shape;
  const Ints sides = sides_of(convolution);
  const std::int64_t scale = doubles ? 2 : 1, stride = convolution.stride[0];
  const at::Tensor& weight = convolution.weight;
  return {.height = size(image[2]),
          .width = size(image[3]),
          .channels = size(image[1]),
          .out_height = size((scale * image[2] + sides[2] + sides[3] - weight.size(2)) / stride + 1),
          .out_width = size((scale * image[3] + sides[0] + sides[1] - weight.size(3)) / stride + 1),
          .out_channels = size(weight.size(0)),
          .kernel_height = size(weight.size(2)),
          .kernel_width = size(weight.size(3)),
          .stride = size(stride),
          .top = size(sides[2]),
          .left = size(sides[0]),
          .activation = Activation::none,
          .doubles = doubles,
          .skip_channels = size(weight.size(1) - image[1])};
}

at::Tensor packed(const ConvolutionLayer& layer, const at::Tensor& weight) {
  const at::Tensor values = weight.to(at::kFloat).contiguous();
  const at::Tensor to = at::empty({static_cast<std::int64_t>(packed_convolution_length(layer))}, weight.scalar_type());
  if (weight.scalar_type() == at::kBFloat16) {
    pack_convolution(layer, values.const_data_ptr<float>(), kernel_values(to.mutable_data_ptr<at::BFloat16>()));
  } else {
    pack_convolution(layer, values.const_data_ptr<float>(), to.mutable_data_ptr<float>());
  }
  return to;
}

at::Tensor padded_bias(const Convolution& convolution) {
  const std::int64_t channels = convolution.weight.size(0);
  const at::Tensor bias =
      at::zeros({static_cast<std::int64_t>(convolution_bias_length(static_cast<std::size_t>(channels)))});
  if (!convolution.bias.isNone()) bias.narrow(0, 0, channels).copy_(convolution.bias.toTensor());
  return bias;
}

// Inserts a weight in oneDNN's own layout. It has no storage and therefore cannot be an ordinary constant.
Value* insert_packed(Graph& graph, const at::Tensor& weight) {
  Node* constant = graph.insertNode(graph.create(c10::prim::ConstantMKLDNNTensor));
  constant->t_(c10::attr::value, weight);
  constant->output()->setType(c10::TensorType::get());
  return constant->output();
}

Value* insert_scalars(Graph& graph) {
  return graph.insertNode(graph.createList(c10::OptionalType::create(c10::NumberType::get()), {}))->output();
}

Value* insert_pointwise(Graph& graph, const Convolution& convolution, Value* input, const std::string& activation) {
  return insert_operator(
      graph, kPointwise,
      {input, insert_packed(graph, packed_weight(convolution)), graph.insertConstant(convolution.bias),
       graph.insertConstant(convolution.padding), graph.insertConstant(convolution.stride),
       graph.insertConstant(convolution.dilation), graph.insertConstant(convolution.groups),
       graph.insertConstant(activation), insert_scalars(graph), graph.insertConstant(std::string())});
}

// Inserts the same operator with the addition of a value that has the output's shape.
Value* insert_sum(Graph& graph, const Convolution& convolution, Value* input, Value* added,
                  const NamedActivation& activation) {
  return insert_operator(
      graph, kPointwise,
      {input, added, insert_packed(graph, packed_weight(convolution)), graph.insertConstant(convolution.bias),
       graph.insertConstant(convolution.padding), graph.insertConstant(convolution.stride),
       graph.insertConstant(convolution.dilation), graph.insertConstant(convolution.groups),
       graph.insertConstant(std::string("add")), graph.insertConstant(1.0),
       graph.insertConstant(activation.node == nullptr ? c10::IValue() : activation.name), insert_scalars(graph),
       graph.insertConstant(std::string())});
}

void replace(Node* step, Value* with) {
  step->output()->replaceAllUsesWith(with);
  step->destroy();
}

bool adds_pixel(const Node* node) {
  if (node->kind() != c10::aten::unsqueeze) return false;
  const auto dimension = torch::jit::toIValue(node->input(1));
  return dimension && dimension->isInt() && dimension->toInt() == -1;
}

// Returns a value of shape (N, C, 1, 1) as (N, C), avoiding a copy where possible.
Value* insert_rows(Graph& graph, Value* pixels) {
  Node* before = pixels->node();
  if (is_mean_of_pixels(before) && pixels->uses().size() == 1) {
    // At the position of the mean, because its input may be changed in place after that.
    const torch::jit::WithInsertPoint there(before);
    return graph.insert(c10::aten::mean, {before->input(0), before->input(1), false});
  }
  // The input is the activation of another product, which was unsqueezed: use the product before it was unsqueezed.
  if (before->inputs().size() == 1 && activation_of(before->input(0)).node == before && pixels->uses().size() == 1) {
    Node* outer = before->input(0)->node();
    if (adds_pixel(outer) && adds_pixel(outer->input(0)->node())) {
      before->replaceInput(0, outer->input(0)->node()->input(0));
      return pixels;
    }
  }
  return graph.insert(c10::aten::squeeze, {pixels, Ints{2, 3}});
}

// Nearest-neighbour upsampling by two and a convolution with 3x3 weights equal a transposed convolution of stride 2
// with these weights of shape (in, out, 4, 4), which needs 4 instead of 9 products per pixel and channel, and no
// upsampled copy.
at::Tensor transposed_weight(const at::Tensor& weight) {
  const std::int64_t out = weight.size(0), in = weight.size(1);
  const at::Tensor flipped = weight.to(at::kFloat).flip({2, 3}).reshape({out * in, 1, 3, 3});
  const at::Tensor spread = at::conv2d(flipped, at::ones({1, 1, 2, 2}), {}, 1, 1);
  return spread.reshape({out, in, 4, 4}).transpose(0, 1).contiguous().to(weight.scalar_type());
}

}  // namespace

bool all(const Ints& ints, std::int64_t wanted) {
  return std::ranges::all_of(ints, [wanted](std::int64_t value) { return value == wanted; });
}

Ints sides_of(const Convolution& convolution) {
  if (convolution.pad != nullptr) return convolution.pad_sides;
  return {convolution.padding[1], convolution.padding[1], convolution.padding[0], convolution.padding[0]};
}

bool is_product(const Convolution& convolution) {
  return convolution.pad == nullptr && convolution.groups == 1 && convolution.input_shape[2] == 1 &&
         convolution.input_shape[3] == 1 && convolution.weight.size(2) == 1 && convolution.weight.size(3) == 1 &&
         convolution.padding == Ints{0, 0};
}

Value* insert_unpadded(Graph& graph, const Convolution& convolution, Value* value) {
  if (convolution.pad == nullptr || constant_ints(convolution.pad->input(1))) return value;
  return insert_operator(graph, padding_test(),
                         {value, convolution.pad->input(1), graph.insertConstant(convolution.pad_sides)});
}

Value* insert_operator(Graph& graph, const char* name, const std::vector<Value*>& inputs) {
  Node* node = graph.insertNode(graph.create(c10::Symbol::fromQualString(name), inputs));
  node->output()->setType(c10::TensorType::get());
  return node->output();
}

bool has_fused_operators() {
  return at::globalContext().userEnabledMkldnn() &&
         std::ranges::all_of(std::array{kPointwise, kTransposed, kReorderWeight, kReorderTransposedWeight},
                             [](const char* name) { return find_operator(name).has_value(); });
}

bool fused_operators_take_bf16() {
  const auto supported = find_operator(kBf16Supported);
  if (!supported) return false;
  Stack stack;
  supported->callBoxed(stack);
  return stack.back().toBool();
}

void write_product(Graph& graph, const Convolution& convolution) {
  const torch::jit::WithInsertPoint here(convolution.node);
  Value* rows = insert_rows(graph, convolution.input());
  Value* weight = graph.insertConstant(convolution.weight.flatten(1).contiguous().t());
  Value* product = convolution.bias.isNone()
                       ? graph.insert(c10::aten::mm, {rows, weight})
                       : graph.insert(c10::aten::addmm, {graph.insertConstant(convolution.bias), rows, weight});
  for (int side = 0; side < 2; ++side) product = graph.insert(c10::aten::unsqueeze, {product, -1});
  convolution.node->output()->replaceAllUsesWith(product);
}

bool prefers_own_operator(const Convolution& convolution) {
  const c10::ScalarType type = convolution.weight.scalar_type();
  const bool bf16 = type == c10::kBFloat16;
  return (bf16 || type == c10::kFloat) && convolves_fast(bf16) && convolution.groups == 1 &&
         all(convolution.dilation, 1) && convolution.stride[0] == convolution.stride[1] &&
         has_convolution(own_layer(convolution), bf16);
}

void write_own(Graph& graph, const Convolution& convolution) {
  const torch::jit::WithInsertPoint here(convolution.node);
  const ConvolutionLayer layer = own_layer(convolution);
  const auto constant = [&graph](const c10::IValue& value) { return graph.insertConstant(value); };
  Value* image = nullptr;
  if (layer.doubles) {
    image = insert_operator(
        graph, doubling_test(),
        {convolution.coarse(), convolution.upsampling->input(1), constant(convolution.coarse_shape[1])});
  } else {
    image = insert_unpadded(graph, convolution, convolution.input());
  }
  Node* const sum = convolution.addition;
  const Activating activation = activation_of((sum != nullptr ? sum : convolution.node)->output());
  const Ints sides = sides_of(convolution);
  const Ints geometry = {convolution.weight.size(2),
                         convolution.weight.size(3),
                         convolution.stride[0],
                         sides[2],
                         sides[0],
                         sides[3],
                         sides[1],
                         convolution.weight.size(0),
                         layer.doubles ? 1 : 0};
  Value* output = insert_operator(
      graph, convolution_operator(),
      {image, layer.skip_channels > 0 ? convolution.skip() : constant({}),
       sum != nullptr ? convolution.added() : constant({}), constant(packed(layer, convolution.weight)),
       constant(padded_bias(convolution)), constant(geometry), constant(static_cast<std::int64_t>(activation.kind)),
       constant(static_cast<std::int64_t>(convolution.weight.scalar_type()))});
  for (Node* step : {activation.node, sum}) {
    if (step != nullptr) replace(step, output);
  }
  convolution.node->output()->replaceAllUsesWith(output);
}

void write_pointwise(Graph& graph, const Convolution& as_found) {
  const Convolution convolution = with_padding_taken_in(as_found);
  const torch::jit::WithInsertPoint here(convolution.node);
  Value* input = insert_unpadded(graph, convolution, convolution.input());
  if (convolution.addition != nullptr) {
    const NamedActivation relu = relu_of(convolution.addition->output());
    Value* sum = insert_sum(graph, convolution, input, convolution.added(), relu);
    if (relu.node != nullptr) replace(relu.node, sum);
    replace(convolution.addition, sum);
    return;
  }
  const NamedActivation activation = named_activation_of(convolution.node->output());
  Value* fused = insert_pointwise(graph, convolution, input, activation.name);
  if (activation.node != nullptr) replace(activation.node, fused);
  convolution.node->output()->replaceAllUsesWith(fused);
}

void write_step_up(Graph& graph, Convolution convolution) {
  const torch::jit::WithInsertPoint here(convolution.node);
  const Ints ones = {1, 1}, zeros = {0, 0}, twos = {2, 2};
  const std::int64_t channels = convolution.coarse_shape[1];
  const bool alone = convolution.joined == nullptr;
  const Value* output = convolution.node->output();
  const NamedActivation activation = alone ? named_activation_of(output) : relu_of(output);

  Stack stack = {transposed_weight(convolution.weight.narrow(1, 0, channels)),
                 ones,
                 zeros,
                 twos,
                 ones,
                 std::int64_t{1},
                 convolution.coarse_shape};
  find_operator(kReorderTransposedWeight).value().callBoxed(stack);
  Value* coarse = insert_operator(
      graph, doubling_test(), {convolution.coarse(), convolution.upsampling->input(1), graph.insertConstant(channels)});
  Value* fused =
      insert_operator(graph, kTransposed,
                      {coarse, insert_packed(graph, stack.back().toTensor()),
                       graph.insertConstant(alone ? convolution.bias : c10::IValue()), graph.insertConstant(ones),
                       graph.insertConstant(zeros), graph.insertConstant(twos), graph.insertConstant(ones),
                       graph.insertConstant(1), graph.insertConstant(alone ? activation.name : std::string("none")),
                       insert_scalars(graph), graph.insertConstant(std::string())});
  if (!alone) {
    const std::int64_t rest = convolution.weight.size(1) - channels;
    convolution.weight = convolution.weight.narrow(1, channels, rest);
    convolution.input_shape[1] = rest;
    fused = insert_sum(graph, convolution, convolution.skip(), fused, activation);
  }
  if (activation.node != nullptr) replace(activation.node, fused);
  convolution.node->output()->replaceAllUsesWith(fused);
}

bool is_fused(const Value* value) {
  const auto is = [value](const char* name) { return value->node()->kind() == c10::Symbol::fromQualString(name); };
  return is(kPointwise) || is(kTransposed) || is(convolution_operator());
}

}  // namespace egaze::detail
