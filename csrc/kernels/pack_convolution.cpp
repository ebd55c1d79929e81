#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "convolution.hpp"
#include "convolution_sources.hpp"

namespace egaze::detail {
namespace {

void store(float value, float& to) { to = value; }

void store(float value, std::uint16_t& to) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  to = static_cast<std::uint16_t>(value == value ? (bits + 0x7fffU + ((bits >> 16) & 1U)) >> 16 : 0x7fc0U);
}

// The weights of a layer in the order of PyTorch.
struct Weights {
  const ConvolutionLayer& layer;
  const float* values;

  float at(std::size_t out, std::size_t in, std::size_t j, std::size_t i) const {
    const std::size_t channels = layer.channels + layer.skip_channels;
    return values[((out * channels + in) * layer.kernel_height + j) * layer.kernel_width + i];
  }

  // Of the image's kernel in a phase. If the layer doubles, several weights meet the same pixel of the image.
  float of_image(std::size_t phase, std::size_t out, std::size_t in, std::size_t j, std::size_t i) const {
    if (!layer.doubles) return at(out, in, j, i);
    const auto first = [](std::size_t odd, std::size_t k) { return k == 0 ? 0 : 1 + odd; };
    const auto end = [](std::size_t odd, std::size_t k) { return k == 0 ? 1 + odd : std::size_t{3}; };
    float sum = 0.0F;
    for (std::size_t y = first(phase / 2, j); y < end(phase / 2, j); ++y) {
      for (std::size_t x = first(phase % 2, i); x < end(phase % 2, i); ++x) sum += at(out, in, y, x);
    }
    return sum;
  }
};

template <class Element>
void pack(const ConvolutionLayer& layer, const float* values, Element* packed) {
  constexpr std::size_t kDeep = sizeof(Element) == sizeof(float) ? 1 : 2;
  const Weights weights = {layer, values};
  const Source image = image_of(layer), skip = skip_of(layer);
  std::fill_n(packed, packed_convolution_length(layer), Element{});
  for (std::size_t first = 0; first < layer.out_channels; first += kColumns) {
    const std::size_t columns = columns_at(first, layer.out_channels);
    const std::size_t live = std::min(columns, layer.out_channels - first);
    std::size_t k = 0;  // the value within the panel
    const auto put = [&](const auto& weight) {
      for (std::size_t c = 0; c < live; ++c) {
        store(weight(first + c), packed[(k / kDeep * columns + c) * kDeep + k % kDeep]);
      }
      ++k;
    };
    for (std::size_t phase = 0; phase < phases_of(layer); ++phase) {
      for (std::size_t j = 0; j < image.kernel_height; ++j) {
        for (std::size_t i = 0; i < image.kernel_width; ++i) {
          for (std::size_t in = 0; in < image.channels; ++in) {
            put([&](std::size_t out) { return weights.of_image(phase, out, in, j, i); });
          }
        }
      }
    }
    for (std::size_t j = 0; j < skip.kernel_height && skip.channels > 0; ++j) {
      for (std::size_t i = 0; i < skip.kernel_width; ++i) {
        for (std::size_t in = 0; in < skip.channels; ++in) {
          put([&](std::size_t out) { return weights.at(out, layer.channels + in, j, i); });
        }
      }
    }
    packed += k * columns;
  }
}

}  // namespace

std::size_t convolution_bias_length(std::size_t out_channels) { return panels_of(out_channels) * kColumns; }

std::size_t packed_convolution_length(const ConvolutionLayer& layer) {
  const std::size_t whole = (panels_of(layer.out_channels) - 1) * kColumns;
  return (whole + columns_at(whole, layer.out_channels)) * depth_of(layer);
}

void pack_convolution(const ConvolutionLayer& layer, const float* weights, float* packed) {
  pack(layer, weights, packed);
}

void pack_convolution(const ConvolutionLayer& layer, const float* weights, std::uint16_t* packed) {
  pack(layer, weights, packed);
}

}  // namespace egaze::detail
