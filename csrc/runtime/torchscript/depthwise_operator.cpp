#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <vector>

#include "depthwise_fusion.hpp"
#include "kernels/depthwise.hpp"
#include "kernels/parallel.hpp"
#include "operator_arguments.hpp"
#include "own_operator.hpp"

namespace egaze::detail {
namespace {

using torch::jit::Stack;

constexpr const char* kSchema =
    "egaze::depthwise(Tensor image, Tensor weights, Tensor bias, int[] geometry, int activation, Tensor? squeeze, "
    "Tensor? squeeze_bias, Tensor? excite, Tensor? excite_bias, int squeeze_activation, int gate, "
    "ScalarType type) -> Tensor";

// The number of channels in one unit of work, a multiple of every vector's length; and the least work for threads.
constexpr std::size_t kChannels = 16, kProductsForThreads = 1 << 16;

template <class Element>
void convolve(const DepthwiseLayer& layer, std::size_t images, const Element* image, Element* out, float* means) {
  const std::size_t channels = layer.channels, parts = (channels + kChannels - 1) / kChannels;
  const std::size_t image_size = layer.height * layer.width * layer.channels;
  const std::size_t out_size = layer.out_height * layer.out_width * layer.channels;
  parallel_for(images * parts, at::get_num_threads(), [&](std::size_t begin, std::size_t end) {
    for (std::size_t n = begin / parts; n * parts < end; ++n) {
      const std::size_t first = begin > n * parts ? (begin - n * parts) * kChannels : 0;
      const std::size_t last = std::min((end - n * parts) * kChannels, channels);
      convolve_depthwise(layer, image + n * image_size, first, last, out + n * out_size, means + n * channels);
    }
  });
}

template <class Element>
void weigh(const SqueezeExcitation& layer, std::size_t images, std::size_t pixels, const float* means, Element* out) {
  const std::size_t channels = layer.channels;
  const int threads = pixels * channels < kProductsForThreads ? 1 : at::get_num_threads();
  std::vector<float> gates(layer.channels);
  for (std::size_t n = 0; n < images; ++n, means += channels, out += pixels * channels) {
    excitations(layer, means, gates.data());
    parallel_for(pixels, threads, [&](std::size_t begin, std::size_t end) {
      weigh_channels(out + begin * channels, end - begin, channels, gates.data());
    });
  }
}

// Returns the layer for an image of these sizes.
DepthwiseLayer checked_layer(const OperatorArguments& arguments, c10::IntArrayRef sizes,
                             const std::vector<std::int64_t>& geometry) {
  TORCH_CHECK(sizes.size() == 4 && is_length(sizes[1], 1) && is_length(sizes[2], 1) && is_length(sizes[3], 1),
              "a depthwise convolution was given an image of shape ", sizes);
  const auto is_side = [](std::int64_t side) { return is_length(side, 0); };
  TORCH_CHECK(geometry.size() == 6 && std::ranges::all_of(geometry, is_side) &&
                  has_depthwise(static_cast<std::size_t>(geometry[0]), static_cast<std::size_t>(geometry[1])),
              "there is no depthwise convolution of geometry ", geometry);
  const std::int64_t kernel = geometry[0], stride = geometry[1];
  const std::int64_t rows = sizes[2] + geometry[2] + geometry[4] - kernel;
  const std::int64_t columns = sizes[3] + geometry[3] + geometry[5] - kernel;
  TORCH_CHECK(rows >= 0 && columns >= 0, "an image of shape ", sizes, " is smaller than its convolution's kernel");
  const auto size = [](std::int64_t value) { return static_cast<std::size_t>(value); };
  return {size(sizes[2]),
          size(sizes[3]),
          size(sizes[1]),
          size(rows / stride + 1),
          size(columns / stride + 1),
          size(kernel),
          size(stride),
          size(geometry[2]),
          size(geometry[3]),
          arguments.parameters(1, {kernel * kernel, sizes[1]}),
          arguments.parameters(2, {sizes[1]}),
          arguments.activation(4)};
}

std::optional<SqueezeExcitation> checked_excitation(const OperatorArguments& arguments, std::int64_t channels) {
  const bool none = arguments.is_none(5);
  for (std::size_t index : {6, 7, 8}) {
    TORCH_CHECK(arguments.is_none(index) == none, "squeeze and excitation lacks some of its parameters");
  }
  if (none) return std::nullopt;
  const at::Tensor squeeze = arguments.tensor(5, at::kFloat);
  TORCH_CHECK(squeeze.dim() == 2 && squeeze.size(1) > 0, "squeeze is of shape ", squeeze.sizes());
  const std::int64_t hidden = squeeze.size(1);
  return SqueezeExcitation{static_cast<std::size_t>(channels),
                           static_cast<std::size_t>(hidden),
                           arguments.parameters(5, {channels, hidden}),
                           arguments.parameters(6, {hidden}),
                           arguments.activation(9),
                           arguments.parameters(7, {hidden, channels}),
                           arguments.parameters(8, {channels}),
                           arguments.activation(10)};
}

void run(Stack& stack) {
  const OperatorArguments arguments(stack, 12);
  const c10::ScalarType type = arguments.type(11);
  const at::Tensor image = arguments.tensor(0, type).contiguous(at::MemoryFormat::ChannelsLast);
  const DepthwiseLayer layer = checked_layer(arguments, image.sizes(), arguments.ints(3));
  const std::optional<SqueezeExcitation> excitation = checked_excitation(arguments, image.size(1));
  const std::int64_t n = image.size(0), rows = layer.out_height, columns = layer.out_width;
  const at::Tensor out = at::empty({n, image.size(1), rows, columns}, image.options(), at::MemoryFormat::ChannelsLast);
  std::vector<float> means(static_cast<std::size_t>(n) * layer.channels);
  if (type == at::kBFloat16) {
    std::uint16_t* const values = kernel_values(out.mutable_data_ptr<at::BFloat16>());
    convolve(layer, n, kernel_values(image.const_data_ptr<at::BFloat16>()), values, means.data());
    if (excitation) weigh(*excitation, n, rows * columns, means.data(), values);
  } else {
    auto* const values = out.mutable_data_ptr<float>();
    convolve(layer, n, image.const_data_ptr<float>(), values, means.data());
    if (excitation) weigh(*excitation, n, rows * columns, means.data(), values);
  }
  stack.emplace_back(out);
}

}  // namespace

const char* depthwise_operator() {
  static const OwnOperator registered(kSchema, &run);
  return "egaze::depthwise";
}

}  // namespace egaze::detail
