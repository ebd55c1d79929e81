#include "kernels/depthwise.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
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

struct Layer {
  std::size_t height, width, channels, kernel, stride, top, left, out_height, out_width;
  Activation activation = Activation::silu;
  std::vector<float> image, weights, bias;

  Layer(std::size_t h, std::size_t w, std::size_t c, std::size_t k, std::size_t s, std::size_t t, std::size_t l,
        std::size_t oh, std::size_t ow)
      : height(h),
        width(w),
        channels(c),
        kernel(k),
        stride(s),
        top(t),
        left(l),
        out_height(oh),
        out_width(ow),
        image(some_values(h * w * c, 2.0f, 1)),
        weights(some_values(k * k * c, 0.5f, 2)),
        bias(some_values(c, 1.0f, 3)) {}

  DepthwiseLayer view() const {
    return {height, width, channels, out_height,     out_width,   kernel,
            stride, top,   left,     weights.data(), bias.data(), activation};
  }

  // A slow and simple reference.
  std::vector<double> expected() const {
    std::vector<double> out(out_height * out_width * channels);
    for (std::size_t y = 0; y < out_height; ++y) {
      for (std::size_t x = 0; x < out_width; ++x) {
        for (std::size_t c = 0; c < channels; ++c) {
          double sum = bias[c];
          for (std::size_t j = 0; j < kernel; ++j) {
            for (std::size_t i = 0; i < kernel; ++i) {
              const std::size_t row = y * stride + j - top, column = x * stride + i - left;
              if (row >= height || column >= width) continue;  // below 0 too
              sum += double{weights[(j * kernel + i) * channels + c]} * image[(row * width + column) * channels + c];
            }
          }
          out[(y * out_width + x) * channels + c] = activated(sum, activation);
        }
      }
    }
    return out;
  }
};

std::vector<Layer> layers() {
  std::vector<Layer> all;
  for (const std::size_t channels : {1, 7, 16, 24, 33}) {
    all.emplace_back(9, 15, channels, 3, 1, 1, 1, 9, 15);
    all.emplace_back(14, 8, channels, 3, 2, 0, 0, 7, 4);  // padding only on the right and below
    all.emplace_back(7, 7, channels, 5, 1, 2, 2, 7, 7);
    all.emplace_back(11, 29, channels, 5, 2, 2, 1, 6, 14);
  }
  all.emplace_back(1, 1, 16, 5, 1, 2, 2, 1, 1);
  all.emplace_back(5, 5, 16, 3, 1, 0, 0, 3, 3);
  all.emplace_back(2, 40, 16, 3, 1, 4, 3, 8, 44);  // outputs that see only padding
  return all;
}

class Depthwise : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override { set_simd_level(GetParam()); }
  void TearDown() override { set_simd_level(simd_levels().back()); }
};

INSTANTIATE_TEST_SUITE_P(Simd, Depthwise, testing::ValuesIn(simd_levels()));

TEST_P(Depthwise, MatchesTheReference) {
  for (Layer layer : layers()) {
    for (const Activation activation : kActivations) {
      layer.activation = activation;
      const std::vector<double> expected = layer.expected();
      std::vector<float> out(expected.size()), means(layer.channels);
      convolve_depthwise(layer.view(), layer.image.data(), 0, layer.channels, out.data(), means.data());
      std::vector<double> sums(layer.channels);
      for (std::size_t k = 0; k < out.size(); ++k) {
        ASSERT_NEAR(out[k], expected[k], 3e-6) << layer.kernel << " " << layer.channels << " at " << k;
        sums[k % layer.channels] += expected[k];
      }
      const double pixels = static_cast<double>(layer.out_height * layer.out_width);
      for (std::size_t c = 0; c < layer.channels; ++c) ASSERT_NEAR(means[c], sums[c] / pixels, 3e-6);
    }
  }
}

TEST_P(Depthwise, RoundsBfloat16OnceAtTheEnd) {
  for (const Layer& layer : layers()) {
    const std::vector<std::uint16_t> image = upper_bits(layer.image);
    std::vector<float> exact(layer.out_height * layer.out_width * layer.channels), exact_means(layer.channels);
    convolve_depthwise(layer.view(), layer.image.data(), 0, layer.channels, exact.data(), exact_means.data());
    std::vector<std::uint16_t> out(exact.size());
    std::vector<float> means(layer.channels);
    convolve_depthwise(layer.view(), image.data(), 0, layer.channels, out.data(), means.data());
    EXPECT_EQ(means, exact_means);
    for (std::size_t k = 0; k < out.size(); ++k) {
      const float below = to_float(upper_bits(exact[k])), above = to_float(upper_bits(exact[k]) + 1);
      const float down = std::abs(exact[k] - below), up = std::abs(above - exact[k]);
      const bool even = upper_bits(exact[k]) % 2 == 0;
      ASSERT_EQ(to_float(out[k]), down < up || (down == up && even) ? below : above);
    }
  }
}

TEST_P(Depthwise, WritesOnlyTheRequestedChannels) {
  const Layer layer(6, 6, 40, 3, 1, 1, 1, 6, 6);
  std::vector<float> whole(6 * 6 * 40), means(40), part(whole.size(), -7.0f), part_means(40, -7.0f);
  convolve_depthwise(layer.view(), layer.image.data(), 0, 40, whole.data(), means.data());
  convolve_depthwise(layer.view(), layer.image.data(), 16, 37, part.data(), part_means.data());
  for (std::size_t k = 0; k < whole.size(); ++k) {
    const bool asked = k % 40 >= 16 && k % 40 < 37;
    EXPECT_EQ(part[k], asked ? whole[k] : -7.0f);
    if (k < 40) {
      EXPECT_EQ(part_means[k], asked ? means[k] : -7.0f);
    }
  }
}

TEST_P(Depthwise, NanStaysNan) {
  Layer layer(4, 4, 16, 3, 1, 1, 1, 4, 4);
  layer.image[5] = std::numeric_limits<float>::quiet_NaN();
  for (const Activation activation : kActivations) {
    layer.activation = activation;
    std::vector<float> out(4 * 4 * 16), means(16);
    convolve_depthwise(layer.view(), layer.image.data(), 0, 16, out.data(), means.data());
    EXPECT_TRUE(std::isnan(out[5])) << static_cast<int>(activation);
    EXPECT_TRUE(std::isfinite(out[6]));
    EXPECT_TRUE(std::isnan(means[5]));
    const std::vector<std::uint16_t> image = upper_bits(layer.image);
    std::vector<std::uint16_t> rounded(out.size());
    convolve_depthwise(layer.view(), image.data(), 0, 16, rounded.data(), means.data());
    EXPECT_TRUE(std::isnan(to_float(rounded[5])));
  }
}

TEST_P(Depthwise, ActivationsOfLargeNumbers) {
  Layer layer(1, 8, 1, 3, 1, 1, 1, 1, 8);
  layer.image = {-1e30f, -200.0f, -88.0f, -20.0f, 20.0f, 88.0f, 200.0f, 1e30f};
  layer.weights = {0, 0, 0, 0, 1, 0, 0, 0, 0};
  layer.bias = {0};
  for (const Activation activation : kActivations) {
    layer.activation = activation;
    std::vector<float> out(8), means(1);
    convolve_depthwise(layer.view(), layer.image.data(), 0, 1, out.data(), means.data());
    for (std::size_t k = 0; k < 8; ++k) {
      const double expected = activated(layer.image[k], activation);
      EXPECT_NEAR(out[k], expected, 1e-6 * std::max(1.0, std::abs(expected))) << layer.image[k];
    }
  }
}

TEST_P(Depthwise, SqueezesAndExcites) {
  for (const auto& [channels, hidden] : {std::pair<std::size_t, std::size_t>{33, 5}, {16, 1}, {96, 24}}) {
    std::mt19937 random(3);
    const auto some = [&](std::size_t count) {
      std::vector<float> values(count);
      for (float& value : values) value = std::uniform_real_distribution<float>(-1.0f, 1.0f)(random);
      return values;
    };
    const auto squeeze = some(channels * hidden), excite = some(channels * hidden), means = some(channels);
    const auto squeeze_bias = some(hidden), excite_bias = some(channels);
    for (const Activation gate : {Activation::sigmoid, Activation::hardsigmoid}) {
      const SqueezeExcitation layer = {channels,         hidden,        squeeze.data(),     squeeze_bias.data(),
                                       Activation::silu, excite.data(), excite_bias.data(), gate};
      std::vector<float> gates(channels);
      excitations(layer, means.data(), gates.data());
      std::vector<double> between(hidden);
      for (std::size_t h = 0; h < hidden; ++h) {
        double sum = squeeze_bias[h];
        for (std::size_t c = 0; c < channels; ++c) sum += double{squeeze[c * hidden + h]} * means[c];
        between[h] = activated(sum, Activation::silu);
      }
      for (std::size_t c = 0; c < channels; ++c) {
        double sum = excite_bias[c];
        for (std::size_t h = 0; h < hidden; ++h) sum += excite[h * channels + c] * between[h];
        EXPECT_NEAR(gates[c], activated(sum, gate), 2e-6);
      }
      std::vector<std::uint16_t> rounded = upper_bits(some(3 * channels));
      std::vector<float> values(rounded.size());
      std::ranges::transform(rounded, values.begin(), to_float);
      const std::vector<float> before = values;
      weigh_channels(values.data(), 3, channels, gates.data());
      weigh_channels(rounded.data(), 3, channels, gates.data());
      for (std::size_t k = 0; k < values.size(); ++k) {
        EXPECT_FLOAT_EQ(values[k], before[k] * gates[k % channels]);
        EXPECT_NEAR(to_float(rounded[k]), values[k], std::abs(values[k]) / 256);
      }
    }
  }
}

TEST(Depthwise, RefusesUnsupportedLayers) {
  EXPECT_TRUE(has_depthwise(3, 2) && has_depthwise(5, 1));
  EXPECT_FALSE(has_depthwise(7, 1) || has_depthwise(4, 2) || has_depthwise(3, 3));
  const Layer layer(4, 4, 2, 7, 1, 3, 3, 4, 4);
  std::vector<float> out(32), means(2);
  EXPECT_THROWS(Error, "kernel 7",
                convolve_depthwise(layer.view(), layer.image.data(), 0, 2, out.data(), means.data()));
  const Layer fine(4, 4, 2, 3, 1, 1, 1, 4, 4);
  EXPECT_THROWS(Error, "0 to 3 of 2",
                convolve_depthwise(fine.view(), fine.image.data(), 0, 3, out.data(), means.data()));
}

}  // namespace
