// The arguments of egaze's own operators, checked one by one. A function throws if its argument is not what it asks for.
#pragma once

#include <ATen/ATen.h>
#include <torch/csrc/jit/runtime/operator.h>

#include <cstdint>
#include <vector>

#include "kernels/depthwise.hpp"

namespace egaze::detail {

class OperatorArguments {
 public:
  // Takes the last `count` values from the stack.
  OperatorArguments(torch::jit::Stack& stack, std::size_t count);

  bool is_none(std::size_t index) const { return values_[index].isNone(); }
  std::vector<std::int64_t> ints(std::size_t index) const { return values_[index].toIntVector(); }

  // float32 or bfloat16.
  c10::ScalarType type(std::size_t index) const;
  Activation activation(std::size_t index) const;

  // A dense tensor of this type on the CPU.
  at::Tensor tensor(std::size_t index, c10::ScalarType type) const;

  // Contiguous float32 numbers of this shape.
  const float* parameters(std::size_t index, const std::vector<std::int64_t>& shape) const;

 private:
  std::vector<c10::IValue> values_;
};

// Whether the value is in a range in which sums of a few lengths cannot overflow.
bool is_length(std::int64_t value, std::int64_t least);

// Numbers as the kernels take them.
inline float* kernel_values(float* values) { return values; }
inline const float* kernel_values(const float* values) { return values; }
inline std::uint16_t* kernel_values(at::BFloat16* values) { return reinterpret_cast<std::uint16_t*>(values); }
inline const std::uint16_t* kernel_values(const at::BFloat16* values) {
  return reinterpret_cast<const std::uint16_t*>(values);
}

}  // namespace egaze::detail
