// Values for the tests of network layers, and a slow and simple reference of what the layers compute.
#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <random>
#include <vector>

#include "kernels/depthwise.hpp"

namespace egaze::test {

using detail::Activation;

inline constexpr Activation kActivations[] = {Activation::none,    Activation::relu,      Activation::silu,
                                              Activation::sigmoid, Activation::hardswish, Activation::hardsigmoid};

inline double activated(double x, Activation activation) {
  const double hard = std::clamp(x / 6.0 + 0.5, 0.0, 1.0), soft = 1.0 / (1.0 + std::exp(-x));
  switch (activation) {
    case Activation::relu: return std::max(x, 0.0);
    case Activation::silu: return x * soft;
    case Activation::sigmoid: return soft;
    case Activation::hardswish: return x * hard;
    case Activation::hardsigmoid: return hard;
    default: return x;
  }
}

inline float to_float(std::uint16_t bits) { return std::bit_cast<float>(std::uint32_t{bits} << 16); }

inline std::uint16_t upper_bits(float value) {
  return static_cast<std::uint16_t>(std::bit_cast<std::uint32_t>(value) >> 16);
}

inline std::vector<std::uint16_t> upper_bits(const std::vector<float>& values) {
  std::vector<std::uint16_t> bits(values.size());
  std::ranges::transform(values, bits.begin(), [](float value) { return upper_bits(value); });
  return bits;
}

// Random numbers that bfloat16 can represent.
inline std::vector<float> some_values(std::size_t count, float scale, unsigned seed) {
  std::mt19937 random(seed);
  std::vector<float> values(count);
  for (float& value : values) {
    value = to_float(upper_bits(std::uniform_real_distribution<float>(-scale, scale)(random)));
  }
  return values;
}

}  // namespace egaze::test
