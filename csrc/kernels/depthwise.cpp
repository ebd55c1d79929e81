#include "depthwise.hpp"

#include <algorithm>
#include <string>
#include <vector>

#include "egaze/error.hpp"
#include "simd/primitives.hpp"

namespace egaze::detail {
namespace {

template <class Element, class Primitive>
void convolve(const DepthwiseLayer& layer, const Element* image, std::size_t begin, std::size_t end, Element* out,
              float* means, Primitive primitive) {
  if (!has_depthwise(layer.kernel, layer.stride) || begin > end || end > layer.channels) {
    throw Error(ErrorCode::invalid_argument, "no depthwise convolution of kernel " + std::to_string(layer.kernel) +
                                                 ", stride " + std::to_string(layer.stride) + " and channels " +
                                                 std::to_string(begin) + " to " + std::to_string(end) + " of " +
                                                 std::to_string(layer.channels));
  }
  std::vector<float> ring((layer.kernel + 1) * depthwise_row_px(layer) * kMaxLanes);
  primitive(layer, image, begin, end, ring.data(), out, means);
}

// out = activation(bias + rows^T in), where `rows` is a matrix of `count` rows and `width` columns.
void product(const float* rows, const float* bias, const float* in, std::size_t count, std::size_t width,
             Activation activation, float* out) {
  const Primitives& simd = primitives();
  std::copy_n(bias, width, out);
  for (std::size_t i = 0; i < count; i += kMaxRows) {
    const float* some[kMaxRows];
    const std::size_t left = std::min(kMaxRows, count - i);
    for (std::size_t k = 0; k < left; ++k) some[k] = rows + (i + k) * width;
    simd.add_float(some, left, width, {in + i, false, out});
  }
  simd.activate(out, width, activation);
}

}  // namespace

std::size_t depthwise_row_px(const DepthwiseLayer& layer) {
  const std::size_t outputs = (layer.out_width + kDepthwisePixels - 1) / kDepthwisePixels * kDepthwisePixels;
  return std::max((outputs - 1) * layer.stride + layer.kernel, layer.left + layer.width);
}

bool has_depthwise(std::size_t kernel, std::size_t stride) {
  return (kernel == 3 || kernel == 5) && (stride == 1 || stride == 2);
}

void convolve_depthwise(const DepthwiseLayer& layer, const float* image, std::size_t begin, std::size_t end, float* out,
                        float* means) {
  convolve(layer, image, begin, end, out, means, primitives().depthwise_float);
}

void convolve_depthwise(const DepthwiseLayer& layer, const std::uint16_t* image, std::size_t begin, std::size_t end,
                        std::uint16_t* out, float* means) {
  convolve(layer, image, begin, end, out, means, primitives().depthwise_bfloat16);
}

void excitations(const SqueezeExcitation& layer, const float* means, float* gates) {
  std::vector<float> hidden(layer.hidden);
  product(layer.squeeze, layer.squeeze_bias, means, layer.channels, layer.hidden, layer.activation, hidden.data());
  product(layer.excite, layer.excite_bias, hidden.data(), layer.hidden, layer.channels, layer.gate, gates);
}

void weigh_channels(float* values, std::size_t pixels, std::size_t channels, const float* gates) {
  primitives().multiply_rows_float(values, pixels, channels, gates);
}

void weigh_channels(std::uint16_t* values, std::size_t pixels, std::size_t channels, const float* gates) {
  primitives().multiply_rows_bfloat16(values, pixels, channels, gates);
}

}  // namespace egaze::detail
