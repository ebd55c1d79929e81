#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <vector>

#include "convolution.hpp"
#include "kernels/convolution.hpp"
#include "operator_arguments.hpp"
#include "own_operator.hpp"

namespace egaze::detail {
namespace {

using torch::jit::Stack;

constexpr const char* kSchema =
    "egaze::convolution(Tensor image, Tensor? skip, Tensor? added, Tensor weights, Tensor bias, int[] geometry, "
    "int activation, ScalarType type) -> Tensor";

// Returns the layer for an image of these sizes.
ConvolutionLayer checked_layer(const OperatorArguments& arguments, c10::IntArrayRef sizes, std::int64_t skip_channels) {
  TORCH_CHECK(sizes.size() == 4 && is_length(sizes[1], 1) && is_length(sizes[2], 1) && is_length(sizes[3], 1),
              "a convolution was given an image of shape ", sizes);
  const Ints geometry = arguments.ints(5);
  const auto is_side = [](std::int64_t side) { return is_length(side, 0); };
  TORCH_CHECK(geometry.size() == 9 && std::ranges::all_of(geometry, is_side) && geometry[0] > 0 && geometry[1] > 0 &&
                  geometry[2] > 0 && geometry[7] > 0,
              "there is no convolution of geometry ", geometry);
  const bool doubles = geometry[8] != 0;
  const std::int64_t scale = doubles ? 2 : 1;
  const std::int64_t rows = scale * sizes[2] + geometry[3] + geometry[5] - geometry[0];
  const std::int64_t columns = scale * sizes[3] + geometry[4] + geometry[6] - geometry[1];
  TORCH_CHECK(rows >= 0 && columns >= 0, "an image of shape ", sizes, " is smaller than its convolution's kernel");
  const auto size = [](std::int64_t value) { return static_cast<std::size_t>(value); };
  return {size(sizes[2]),
          size(sizes[3]),
          size(sizes[1]),
          size(rows / geometry[2] + 1),
          size(columns / geometry[2] + 1),
          size(geometry[7]),
          size(geometry[0]),
          size(geometry[1]),
          size(geometry[2]),
          size(geometry[3]),
          size(geometry[4]),
          arguments.activation(6),
          doubles,
          size(skip_channels)};
}

// What is added to the output: of its shape, or one image, which is added to all.
std::optional<at::Tensor> checked_addition(const OperatorArguments& arguments, c10::ScalarType type,
                                           const Ints& shape) {
  if (arguments.is_none(2)) return std::nullopt;
  const at::Tensor added = arguments.tensor(2, type);
  Ints of_one = shape;
  of_one[0] = 1;
  TORCH_CHECK(added.sizes() == c10::IntArrayRef(shape) || added.sizes() == c10::IntArrayRef(of_one),
              "an addition of shape ", added.sizes(), " to an output of shape ", shape);
  return added.expand(shape).contiguous(at::MemoryFormat::ChannelsLast);
}

template <class Element>
void convolve_tensors(const ConvolutionLayer& layer, const at::Tensor& image, const std::optional<at::Tensor>& skip,
                      const std::optional<at::Tensor>& added, const at::Tensor& weights, const float* bias,
                      const at::Tensor& out) {
  const auto values = [](const at::Tensor& tensor) { return kernel_values(tensor.const_data_ptr<Element>()); };
  const auto maybe = [&](const auto& tensor) { return tensor ? values(*tensor) : nullptr; };
  convolve(layer,
           {static_cast<std::size_t>(image.size(0)), values(image), maybe(skip), values(weights), bias, maybe(added),
            kernel_values(out.mutable_data_ptr<Element>())},
           at::get_num_threads());
}

void run(Stack& stack) {
  const OperatorArguments arguments(stack, 8);
  const c10::ScalarType type = arguments.type(7);
  const auto channels_last = [&](std::size_t index) {
    return arguments.tensor(index, type).contiguous(at::MemoryFormat::ChannelsLast);
  };
  const auto maybe = [&](std::size_t index) {
    return arguments.is_none(index) ? std::nullopt : std::optional(channels_last(index));
  };
  const at::Tensor image = channels_last(0);
  const std::optional<at::Tensor> skip = maybe(1);
  TORCH_CHECK(!skip || (skip->dim() == 4 && is_length(skip->size(1), 1)), "a skip of shape ", skip->sizes());
  const ConvolutionLayer layer = checked_layer(arguments, image.sizes(), skip ? skip->size(1) : 0);
  const Ints shape = {image.size(0), static_cast<std::int64_t>(layer.out_channels),
                      static_cast<std::int64_t>(layer.out_height), static_cast<std::int64_t>(layer.out_width)};
  TORCH_CHECK(!skip || skip->sizes() == c10::IntArrayRef({shape[0], skip->size(1), shape[2], shape[3]}),
              "a skip of shape ", skip->sizes(), " does not fit an output of shape ", shape);
  const std::optional<at::Tensor> added = checked_addition(arguments, type, shape);
  TORCH_CHECK(has_convolution(layer, type == at::kBFloat16), "egaze has no convolution of geometry ", arguments.ints(5),
              " for an image of shape ", image.sizes());
  const at::Tensor weights = arguments.tensor(3, type);
  TORCH_CHECK(weights.is_contiguous() && weights.dim() == 1 &&
                  weights.size(0) == static_cast<std::int64_t>(packed_convolution_length(layer)),
              "weights of shape ", weights.sizes(), " do not fit an image of shape ", image.sizes());
  const float* bias = arguments.parameters(4, {static_cast<std::int64_t>(convolution_bias_length(layer.out_channels))});
  const at::Tensor out = at::empty(shape, image.options(), at::MemoryFormat::ChannelsLast);
  if (type == at::kBFloat16) {
    convolve_tensors<at::BFloat16>(layer, image, skip, added, weights, bias, out);
  } else {
    convolve_tensors<float>(layer, image, skip, added, weights, bias, out);
  }
  stack.emplace_back(out);
}

}  // namespace

const char* convolution_operator() {
  static const OwnOperator registered(kSchema, &run);
  return "egaze::convolution";
}

}  // namespace egaze::detail
