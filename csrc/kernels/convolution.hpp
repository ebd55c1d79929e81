// Convolutions of images with channels last, each with what follows it: a bias, an addition and an activation. Images
// and weights are float32 or bfloat16, the upper 16 bits of float32; biases and sums are float32.
#pragma once

#include <cstddef>
#include <cstdint>

#include "depthwise.hpp"

namespace egaze::detail {

// out = activation(bias + added + kernel * image), where * is the convolution of neural networks.
//
// A layer that doubles has the image doubled by nearest-neighbour upsampling, joined with the channels of a skip of
// twice the image's size, and convolved with a 3x3 kernel that keeps this size: a step of a U-Net's decoder.
struct ConvolutionLayer {
  // Sizes of the image and of the output.
  std::size_t height;
  std::size_t width;
  std::size_t channels;
  std::size_t out_height;
  std::size_t out_width;
  std::size_t out_channels;
  std::size_t kernel_height;
  std::size_t kernel_width;
  std::size_t stride;
  // Zero padding above and to the left. The padding below and to the right follows from the output's size.
  std::size_t top;
  std::size_t left;
  Activation activation;
  bool doubles = false;
  std::size_t skip_channels = 0;  // 0 if there is no skip
};

// Of `images` images.
template <class Element>
struct ConvolutionArrays {
  std::size_t images;
  const Element* image;
  const Element* skip;     // null if there is none
  const Element* weights;  // see pack_convolution
  const float* bias;       // convolution_bias_length(out_channels) numbers
  const Element* added;    // of the output's shape, or null
  Element* out;
};

// Whether the layer is supported. Images in bfloat16 need an even number of channels times the kernel's width.
bool has_convolution(const ConvolutionLayer& layer, bool bfloat16);

// Whether the kernels of the SIMD level that simd_level() names are faster than oneDNN on this processor.
bool convolves_fast(bool bfloat16);

std::size_t convolution_bias_length(std::size_t out_channels);
std::size_t packed_convolution_length(const ConvolutionLayer& layer);

// Brings weights (out_channels, channels + skip_channels, kernel_height, kernel_width) into the order in which the
// kernels read them. Sums of weights, which a layer that doubles needs, are rounded once.
void pack_convolution(const ConvolutionLayer& layer, const float* weights, float* packed);
void pack_convolution(const ConvolutionLayer& layer, const float* weights, std::uint16_t* packed);

// `out` must not be an input, but may be `added`.
// Throws Error(invalid_argument) if has_convolution is false or there is a skip without channels, or the reverse.
void convolve(const ConvolutionLayer& layer, const ConvolutionArrays<float>& arrays, int threads);
void convolve(const ConvolutionLayer& layer, const ConvolutionArrays<std::uint16_t>& arrays, int threads);

}  // namespace egaze::detail
