#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <torch/csrc/jit/runtime/operator.h>

#include <algorithm>
#include <cstdint>
#include <vector>

#include "depthwise_fusion.hpp"
#include "kernels/depthwise.hpp"

namespace egaze::detail {
namespace {

using torch::jit::Stack;

constexpr const char* kName = "egaze::depthwise";
constexpr const char* kSchema =
    "egaze::depthwise(Tensor image, Tensor weights, Tensor bias, int[] geometry, int activation, Tensor? squeeze, "
    "Tensor? squeeze_bias, Tensor? excite, Tensor? excite_bias, int squeeze_activation, int gate, "
    "ScalarType type) -> Tensor";

// Channels that a thread takes together, a multiple of any vector's, and how much work is worth another thread.
constexpr std::int64_t kChannels = 16;
constexpr std::int64_t kOutputsForThread = 2048 * kChannels, kProductsForThread = 1 << 15;

std::int64_t grain(std::int64_t least, std::int64_t of_one) { return std::max<std::int64_t>(1, least / of_one); }

template <class Element>
void convolve(const DepthwiseLayer& layer, std::int64_t images, const Element* image, Element* out, float* means) {
  const std::int64_t channels = layer.channels, parts = (channels + kChannels - 1) / kChannels;
  const std::size_t image_size = layer.height * layer.width * layer.channels;
  const std::size_t out_size = layer.out_height * layer.out_width * layer.channels;
  const std::int64_t of_part = layer.out_height * layer.out_width * kChannels;
  at::parallel_for(0, images * parts, grain(kOutputsForThread, of_part), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t n = begin / parts; n * parts < end; ++n) {
      const std::int64_t first = std::max(begin - n * parts, std::int64_t{0}) * kChannels;
      const std::int64_t last = std::min((end - n * parts) * kChannels, channels);
      convolve_depthwise(layer, image + n * image_size, first, last, out + n * out_size, means + n * channels);
    }
  });
}

template <class Element>
void weigh(const SqueezeExcitation& layer, std::int64_t images, std::int64_t pixels, const float* means, Element* out) {
  const std::int64_t channels = layer.channels;
  std::vector<float> gates(layer.channels);
  for (std::int64_t n = 0; n < images; ++n, means += channels, out += pixels * channels) {
    excitations(layer, means, gates.data());
    at::parallel_for(0, pixels, grain(kProductsForThread, channels), [&](std::int64_t begin, std::int64_t end) {
      weigh_channels(out + begin * channels, end - begin, layer.channels, gates.data());
    });
  }
}

std::uint16_t* bits(at::BFloat16* values) { return reinterpret_cast<std::uint16_t*>(values); }
const std::uint16_t* bits(const at::BFloat16* values) { return reinterpret_cast<const std::uint16_t*>(values); }

void run(Stack& stack) {
  const std::vector<c10::IValue> inputs = torch::jit::pop(stack, 12);
  const c10::ScalarType type = inputs[11].toScalarType();
  const bool bf16 = type == at::kBFloat16;
  const at::Tensor image = inputs[0].toTensor().to(type).contiguous(at::MemoryFormat::ChannelsLast);
  const at::Tensor weights = inputs[1].toTensor(), bias = inputs[2].toTensor();
  const c10::List<std::int64_t> geometry = inputs[3].toIntList();
  TORCH_CHECK(image.dim() == 4 && image.size(1) == weights.size(1), "a depthwise convolution of ", weights.size(1),
              " channels was given an image of shape ", image.sizes());
  const std::int64_t n = image.size(0), kernel = geometry[0], stride = geometry[1];
  const std::int64_t rows = image.size(2) + geometry[2] + geometry[4] - kernel;
  const std::int64_t columns = image.size(3) + geometry[3] + geometry[5] - kernel;
  TORCH_CHECK(rows >= 0 && columns >= 0, "an image of shape ", image.sizes(),
              " is smaller than its convolution's kernel");
  const at::Tensor out = at::empty({n, image.size(1), rows / stride + 1, columns / stride + 1}, image.options(),
                                   at::MemoryFormat::ChannelsLast);
  const auto size = [](std::int64_t value) { return static_cast<std::size_t>(value); };
  const DepthwiseLayer layer = {size(image.size(2)),
                                size(image.size(3)),
                                size(image.size(1)),
                                size(out.size(2)),
                                size(out.size(3)),
                                size(kernel),
                                size(stride),
                                size(geometry[2]),
                                size(geometry[3]),
                                weights.const_data_ptr<float>(),
                                bias.const_data_ptr<float>(),
                                static_cast<Activation>(inputs[4].toInt())};
  std::vector<float> means(size(n) * layer.channels);
  if (bf16) {
    convolve(layer, n, bits(image.const_data_ptr<at::BFloat16>()), bits(out.mutable_data_ptr<at::BFloat16>()),
             means.data());
  } else {
    convolve(layer, n, image.const_data_ptr<float>(), out.mutable_data_ptr<float>(), means.data());
  }
  if (!inputs[5].isNone()) {
    const auto parameter = [&](std::size_t which) { return inputs[which].toTensor().const_data_ptr<float>(); };
    const SqueezeExcitation excitation = {layer.channels, size(inputs[5].toTensor().size(1)),         parameter(5),
                                          parameter(6),   static_cast<Activation>(inputs[9].toInt()), parameter(7),
                                          parameter(8),   static_cast<Activation>(inputs[10].toInt())};
    const std::int64_t pixels = out.size(2) * out.size(3);
    if (bf16) {
      weigh(excitation, n, pixels, means.data(), bits(out.mutable_data_ptr<at::BFloat16>()));
    } else {
      weigh(excitation, n, pixels, means.data(), out.mutable_data_ptr<float>());
    }
  }
  stack.emplace_back(out);
}

// Taken back when the library is unloaded.
class Registration {
 public:
  Registration() {
    torch::jit::registerOperator(
        torch::jit::Operator(kSchema, torch::jit::Operation(&run), c10::AliasAnalysisKind::FROM_SCHEMA));
  }
  ~Registration() { torch::jit::deregisterOperator(torch::jit::parseSchema(kSchema)); }
  Registration(const Registration&) = delete;
  Registration& operator=(const Registration&) = delete;
};

}  // namespace

const char* depthwise_operator() {
  static const Registration registration;
  return kName;
}

}  // namespace egaze::detail
