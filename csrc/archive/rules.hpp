// The rules of operators in four groups, and functions that they share.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "operator_rules.hpp"

namespace egaze::detail {

std::span<const OperatorRule> elementwise_rules();  // elementwise operators and reductions
std::span<const OperatorRule> product_rules();      // convolutions, products of matrices, attention
std::span<const OperatorRule> shape_rules();        // operators that change shapes or the order of elements
std::span<const OperatorRule> image_rules();        // pooling, padding, resizing, normalisation

inline constexpr std::size_t kMaxDimensions = 8;
inline constexpr std::int64_t kMaxSide = std::int64_t{1} << 31;

[[noreturn]] inline void refuse(const std::string& what) { throw ProgramError(what); }

inline void require(bool holds, const char* what) {
  if (!holds) refuse(what);
}

// Programs compute in float32 or bfloat16 only.
void require_floats(const TensorType& type);
void require_same_dtype(const TensorType& a, const TensorType& b);

// The index of a dimension, which is counted from the end if it is negative.
std::size_t dimension_of(std::int64_t dimension, std::size_t dimensions);
std::vector<bool> dimensions_of(const Ints& dimensions, std::size_t count);

// The count of an extent that does not depend on the number of images. Refuses others, because nothing may be computed
// across images.
std::int64_t fixed(const Extent& extent);
// An extent of at least 1, up to the largest that a tensor can have.
Extent sized(std::int64_t count);

// Throws if several extents depend on the number of images, or if there are too many dimensions or elements.
TensorType checked(DType dtype, Shape shape);

Shape broadcast(const Shape& a, const Shape& b);
// float32 if either type is float32.
DType promoted(DType a, DType b);

}  // namespace egaze::detail
