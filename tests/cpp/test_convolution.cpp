#include "kernels/convolution.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "egaze/error.hpp"
#include "egaze/simd.hpp"
#include "expect_throws.hpp"
#include "layer_values.hpp"

using namespace egaze;
using namespace egaze::detail;
using namespace egaze::test;

namespace {

// A layer with values for `images` images.
struct Values {
  ConvolutionLayer layer;
  std::size_t images;
  std::vector<float> image, skip, weights, bias, added;

  Values(const ConvolutionLayer& shape, std::size_t count) : layer(shape), images(count) {
    const std::size_t depth = layer.channels + layer.skip_channels;
    image = some_values(images * layer.height * layer.width * layer.channels, 1.0F, 1);
    skip = some_values(images * layer.out_height * layer.out_width * layer.skip_channels, 1.0F, 2);
    weights = some_values(layer.out_channels * depth * layer.kernel_height * layer.kernel_width, 0.25F, 3);
    bias = some_values(layer.out_channels, 1.0F, 4);
    bias.resize(convolution_bias_length(layer.out_channels));
    added = some_values(outputs(), 1.0F, 5);
  }

  std::size_t outputs() const { return images * layer.out_height * layer.out_width * layer.out_channels; }

  // What a channel of the convolved image has at a padded place.
  double at(std::size_t n, std::size_t y, std::size_t x, std::size_t c) const {
    const std::size_t scale = layer.doubles ? 2 : 1;
    const std::size_t row = y - layer.top, column = x - layer.left;
    if (row >= scale * layer.height || column >= scale * layer.width) return 0.0;  // below 0 too
    if (c >= layer.channels) {
      const std::size_t pixel = (n * layer.out_height + row) * layer.out_width + column;
      return skip[pixel * layer.skip_channels + c - layer.channels];
    }
    const std::size_t pixel = (n * layer.height + row / scale) * layer.width + column / scale;
    return image[pixel * layer.channels + c];
  }

  std::vector<double> expected(bool adds) const {
    const std::size_t depth = layer.channels + layer.skip_channels;
    std::vector<double> out(outputs());
    for (std::size_t k = 0; k < out.size(); ++k) {
      const std::size_t o = k % layer.out_channels, x = k / layer.out_channels % layer.out_width;
      const std::size_t row = k / layer.out_channels / layer.out_width;
      const std::size_t y = row % layer.out_height, n = row / layer.out_height;
      double sum = bias[o] + (adds ? added[k] : 0.0);
      for (std::size_t c = 0; c < depth; ++c) {
        for (std::size_t j = 0; j < layer.kernel_height; ++j) {
          for (std::size_t i = 0; i < layer.kernel_width; ++i) {
            const std::size_t weight = ((o * depth + c) * layer.kernel_height + j) * layer.kernel_width + i;
            sum += weights[weight] * at(n, y * layer.stride + j, x * layer.stride + i, c);
          }
        }
      }
      out[k] = activated(sum, layer.activation);
    }
    return out;
  }

  std::vector<float> computed(bool adds, int threads = 1) const {
    std::vector<float> packed(packed_convolution_length(layer)), out(outputs(), -77.0F);
    pack_convolution(layer, weights.data(), packed.data());
    convolve(layer,
             ConvolutionArrays<float>{images, image.data(), skip.empty() ? nullptr : skip.data(), packed.data(),
                                      bias.data(), adds ? added.data() : nullptr, out.data()},
             threads);
    return out;
  }

  std::vector<float> computed_bfloat16(bool adds, int threads = 1) const {
    std::vector<std::uint16_t> packed(packed_convolution_length(layer)), out(outputs(), 0xffff);
    const auto image_bits = upper_bits(image), skip_bits = upper_bits(skip), added_bits = upper_bits(added);
    pack_convolution(layer, weights.data(), packed.data());
    convolve(
        layer,
        ConvolutionArrays<std::uint16_t>{images, image_bits.data(), skip.empty() ? nullptr : skip_bits.data(),
                                         packed.data(), bias.data(), adds ? added_bits.data() : nullptr, out.data()},
        threads);
    std::vector<float> values(out.size());
    std::ranges::transform(out, values.begin(), to_float);
    return values;
  }
};

ConvolutionLayer keeping_size(std::size_t height, std::size_t width, std::size_t in, std::size_t out,
                              std::size_t side) {
  return {height, width, in, height, width, out, side, side, 1, side / 2, side / 2, Activation::silu};
}

ConvolutionLayer doubling(std::size_t height, std::size_t width, std::size_t in, std::size_t skip, std::size_t out) {
  return {height, width, in, 2 * height, 2 * width, out, 3, 3, 1, 1, 1, Activation::relu, true, skip};
}

std::vector<Values> layers() {
  std::vector<Values> all;
  for (const std::size_t out : {1, 16, 24, 33, 48, 70}) all.emplace_back(keeping_size(5, 9, 12, out, 1), 2);
  for (const std::size_t width : {1, 5, 13, 14, 15, 29}) all.emplace_back(keeping_size(3, width, 6, 8, 3), 1);
  all.emplace_back(ConvolutionLayer{9, 7, 4, 5, 4, 20, 3, 3, 2, 1, 1, Activation::none}, 2);
  all.emplace_back(ConvolutionLayer{8, 8, 4, 4, 4, 20, 3, 3, 2, 0, 0, Activation::none}, 1);  // zeros below and right
  all.emplace_back(ConvolutionLayer{8, 9, 6, 4, 5, 40, 1, 1, 2, 0, 0, Activation::relu}, 2);
  all.emplace_back(ConvolutionLayer{8, 9, 6, 5, 7, 40, 1, 1, 1, 0, 0, Activation::relu}, 2);  // a part of the image
  all.emplace_back(ConvolutionLayer{11, 12, 2, 6, 6, 9, 7, 7, 2, 3, 3, Activation::relu}, 1);
  all.emplace_back(ConvolutionLayer{6, 9, 4, 6, 9, 9, 1, 5, 1, 0, 2, Activation::relu}, 1);  // a kernel that is flat
  all.emplace_back(ConvolutionLayer{4, 4, 4, 9, 9, 5, 3, 3, 1, 4, 3, Activation::none}, 1);  // outputs of padding alone
  all.emplace_back(ConvolutionLayer{5, 5, 4, 3, 3, 5, 3, 3, 1, 0, 0, Activation::none}, 1);
  all.emplace_back(doubling(3, 5, 6, 4, 20), 2);
  all.emplace_back(doubling(7, 7, 5, 0, 33), 1);
  all.emplace_back(doubling(1, 15, 2, 6, 8), 1);
  all.emplace_back(keeping_size(40, 40, 64, 40, 1), 2);  // in several parts
  all.emplace_back(keeping_size(70, 60, 16, 8, 3), 1);
  return all;
}

void expect_near(const std::vector<float>& found, const std::vector<double>& expected, double relative) {
  for (std::size_t k = 0; k < found.size(); ++k) {
    ASSERT_NEAR(found[k], expected[k], 2e-5 + relative * std::abs(expected[k])) << "at " << k;
  }
}

class Convolution : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override { set_simd_level(GetParam()); }
  void TearDown() override { set_simd_level(simd_levels().back()); }
};

INSTANTIATE_TEST_SUITE_P(Simd, Convolution, testing::ValuesIn(simd_levels()));

TEST_P(Convolution, MatchesTheReference) {
  for (const Values& values : layers()) {
    const ConvolutionLayer& layer = values.layer;
    SCOPED_TRACE(std::to_string(layer.height) + "x" + std::to_string(layer.width) + "x" +
                 std::to_string(layer.channels) + " to " + std::to_string(layer.out_channels) + ", kernel " +
                 std::to_string(layer.kernel_height) + "x" + std::to_string(layer.kernel_width));
    for (const bool adds : {false, true}) {
      const std::vector<double> expected = values.expected(adds);
      expect_near(values.computed(adds), expected, 0);
      EXPECT_EQ(values.computed(adds, 3), values.computed(adds));
      if (!has_convolution(layer, true)) continue;
      // The output is rounded to bfloat16, and so are sums of weights, which the next test sees to.
      if (!layer.doubles) expect_near(values.computed_bfloat16(adds), expected, 1.0 / 256);
      EXPECT_EQ(values.computed_bfloat16(adds, 3), values.computed_bfloat16(adds));
    }
  }
}

// Weights and images whose sums bfloat16 can represent, so that nothing is rounded.
TEST_P(Convolution, DoublesInBfloat16) {
  for (Values values : layers()) {
    for (auto* all : {&values.image, &values.skip, &values.weights, &values.bias, &values.added}) {
      for (float& value : *all) value = std::round(value * 4.0F);
    }
    values.layer.activation = Activation::none;
    if (!has_convolution(values.layer, true)) continue;
    expect_near(values.computed_bfloat16(true), values.expected(true), 1.0 / 256);
  }
}

TEST_P(Convolution, Activations) {
  Values values(keeping_size(3, 5, 4, 18, 1), 1);
  for (const Activation activation : kActivations) {
    values.layer.activation = activation;
    expect_near(values.computed(true), values.expected(true), 0);
    expect_near(values.computed_bfloat16(true), values.expected(true), 1.0 / 256);
  }
}

TEST_P(Convolution, NanStaysWhereItIs) {
  Values values(keeping_size(4, 9, 2, 3, 1), 1);
  values.image[7] = std::numeric_limits<float>::quiet_NaN();
  for (const std::vector<float>& out : {values.computed(false), values.computed_bfloat16(false)}) {
    for (std::size_t k = 0; k < out.size(); ++k) EXPECT_EQ(std::isnan(out[k]), k / 3 == 3);
  }
}

TEST_P(Convolution, MayWriteOverWhatItAdds) {
  const Values values(keeping_size(6, 9, 8, 20, 3), 1);
  std::vector<float> packed(packed_convolution_length(values.layer)), out = values.added;
  pack_convolution(values.layer, values.weights.data(), packed.data());
  convolve(values.layer,
           ConvolutionArrays<float>{1, values.image.data(), nullptr, packed.data(), values.bias.data(), out.data(),
                                    out.data()},
           2);
  EXPECT_EQ(out, values.computed(true));
}

TEST(Convolution, RefusesWhatItCannotDo) {
  EXPECT_TRUE(has_convolution(keeping_size(4, 4, 3, 3, 3), false));
  EXPECT_FALSE(has_convolution(keeping_size(4, 4, 3, 3, 3), true));  // nine values of a row are no pairs
  EXPECT_FALSE(has_convolution(keeping_size(30, 30, 4, 4, 15), false));
  EXPECT_FALSE(has_convolution(doubling(4, 4, 2, 3, 4), true));
  EXPECT_FALSE(has_convolution({4, 4, 2, 3, 3, 2, 1, 1, 2, 0, 0, Activation::none}, false));  // reads a fifth row
  ConvolutionLayer other = doubling(4, 4, 2, 0, 4);
  other.kernel_height = 1;
  EXPECT_FALSE(has_convolution(other, false));
  const Values values(keeping_size(4, 4, 3, 3, 3), 1);
  EXPECT_THROWS(Error, "3 + 0 to 3 channels", values.computed_bfloat16(false));
  Values without_skip(doubling(4, 4, 2, 4, 4), 1);
  without_skip.skip.clear();
  EXPECT_THROWS(Error, "2 + 4 to 4 channels", without_skip.computed(false));
}

}  // namespace
