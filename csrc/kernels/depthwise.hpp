// Two network layers for images with channels last: depthwise convolution, and squeeze and excitation. Images are
// float32 or bfloat16, the upper 16 bits of float32; parameters and sums are float32.
#pragma once

#include <cstddef>
#include <cstdint>

namespace egaze::detail {

// sigmoid(x) = 1 / (1 + exp(-x)), silu(x) = x sigmoid(x), hardsigmoid(x) = clamp(x / 6 + 1 / 2, 0, 1),
// hardswish(x) = x hardsigmoid(x).
enum class Activation : std::uint8_t { none, relu, silu, sigmoid, hardswish, hardsigmoid };

struct DepthwiseLayer {
  // Sizes of the image and of the output.
  std::size_t height;
  std::size_t width;
  std::size_t channels;
  std::size_t out_height;
  std::size_t out_width;
  // Side of the kernel, 3 or 5, and stride, 1 or 2.
  std::size_t kernel;
  std::size_t stride;
  // Zero padding above and to the left. The padding below and to the right follows from the output's size.
  std::size_t top;
  std::size_t left;
  const float* weights;  // kernel * kernel rows of channels
  const float* bias;     // channels
  Activation activation;
};

// Whether this kernel and stride are supported.
bool has_depthwise(std::size_t kernel, std::size_t stride);

// out[y][x][c] = activation(bias[c] + sum over j, i of weights[j][i][c] * image[y * stride + j - top]
// [x * stride + i - left][c]) for channels [begin, end), and means[c] = the mean of out[..][..][c] before it is rounded
// to the output's type. out must not be the image.
// Throws Error(invalid_argument) if has_depthwise is false or the channels are not within the layer's.
void convolve_depthwise(const DepthwiseLayer& layer, const float* image, std::size_t begin, std::size_t end, float* out,
                        float* means);
void convolve_depthwise(const DepthwiseLayer& layer, const std::uint16_t* image, std::size_t begin, std::size_t end,
                        std::uint16_t* out, float* means);

// Squeeze and excitation (Hu et al. 2018, arXiv 1709.01507): each channel is scaled by a gate, a function of all
// channels' means.
struct SqueezeExcitation {
  std::size_t channels;
  std::size_t hidden;
  const float* squeeze;       // channels rows of hidden
  const float* squeeze_bias;  // hidden
  Activation activation;
  const float* excite;       // hidden rows of channels
  const float* excite_bias;  // channels
  Activation gate;
};

// gates = gate(excite_bias + excite^T activation(squeeze_bias + squeeze^T means)).
void excitations(const SqueezeExcitation& layer, const float* means, float* gates);

// values[p][c] *= gates[c] for each of `pixels` pixels p.
void weigh_channels(float* values, std::size_t pixels, std::size_t channels, const float* gates);
void weigh_channels(std::uint16_t* values, std::size_t pixels, std::size_t channels, const float* gates);

}  // namespace egaze::detail
