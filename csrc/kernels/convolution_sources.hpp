// What a convolution sums over, and how its weights are packed.
#pragma once

#include <cstddef>

#include "convolution.hpp"
#include "simd/primitives.hpp"

namespace egaze::detail {

inline constexpr std::size_t kColumns = kConvolutionColumns;

// An image that is summed over. A window of its padded rows and columns contributes to an output pixel, or to a square
// of four if the layer doubles; a kernel covers a part of the window.
struct Source {
  std::size_t height;
  std::size_t width;
  std::size_t channels;
  std::size_t stride;  // between the windows of adjacent outputs
  std::size_t top;     // zeros before the first row and column
  std::size_t left;
  std::size_t window_height;
  std::size_t window_width;
  std::size_t kernel_height;
  std::size_t kernel_width;

  std::size_t run() const { return kernel_width * channels; }
  std::size_t kernel() const { return kernel_height * run(); }
  bool looks_at_pixels() const { return window_height == 1 && window_width == 1 && top == 0 && left == 0; }
};

// A layer that doubles computes four outputs in each window, whose kernels begin at (0, 0), (0, 1), (1, 0) and (1, 1).
inline std::size_t phases_of(const ConvolutionLayer& layer) { return layer.doubles ? 4 : 1; }

inline Source image_of(const ConvolutionLayer& layer) {
  const std::size_t kernel_height = layer.doubles ? 2 : layer.kernel_height;
  const std::size_t kernel_width = layer.doubles ? 2 : layer.kernel_width;
  return {layer.height, layer.width,         layer.channels,     layer.stride,  layer.top,
          layer.left,   layer.kernel_height, layer.kernel_width, kernel_height, kernel_width};
}

inline Source skip_of(const ConvolutionLayer& layer) {
  return {layer.out_height, layer.out_width, layer.skip_channels, 2, 1, 1, 4, 4, 3, 3};
}

inline std::size_t panels_of(std::size_t out_channels) { return (out_channels + kColumns - 1) / kColumns; }

// The packed columns from `first` on.
inline std::size_t columns_at(std::size_t first, std::size_t out_channels) {
  return out_channels - first > kColumns / 2 ? kColumns : kColumns / 2;
}

// The values of a column in a panel: the image's kernels of all phases, and the skip's, which phases share.
inline std::size_t depth_of(const ConvolutionLayer& layer) {
  return phases_of(layer) * image_of(layer).kernel() + skip_of(layer).kernel();
}

}  // namespace egaze::detail
