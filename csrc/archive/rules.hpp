// The operators' rules by what they do, and what they share.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "operator_rules.hpp"

namespace egaze::detail {

std::span<const OperatorRule> elementwise_rules();  // one element from those at its place, and reductions
std::span<const OperatorRule> product_rules();      // convolutions, matrices, attention
std::span<const OperatorRule> shape_rules();        // the same elements in another shape or order
std::span<const OperatorRule> image_rules();        // pooling, padding, resizing, norms

inline constexpr std::size_t kMaxDimensions = 8;
inline constexpr std::int64_t kMaxSide = std::int64_t{1} << 31;

[[noreturn]] inline void refuse(const std::string& what) { throw ProgramError(what); }

inline void require(bool holds, const char* what) {
  if (!holds) refuse(what);
}

// float32 or bfloat16, which programs compute in.
void require_floats(const TensorType& type);
void require_same_dtype(const TensorType& a, const TensorType& b);

// From 0, of one counted from the end where it is negative.
std::size_t dimension_of(std::int64_t dimension, std::size_t dimensions);
std::vector<bool> dimensions_of(const Ints& dimensions, std::size_t count);

// The extent, which is none of images: nothing may be computed across images.
std::int64_t fixed(const Extent& extent);
// At least 1, and no other than what tensors can have.
Extent sized(std::int64_t count);

// Throws where the shape has several extents of images, or too many dimensions.
TensorType checked(DType dtype, Shape shape);

Shape broadcast(const Shape& a, const Shape& b);
// float32 if either is.
DType promoted(DType a, DType b);

}  // namespace egaze::detail
