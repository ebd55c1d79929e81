#include "rules.hpp"

#include <algorithm>

namespace egaze::detail {

void require_floats(const TensorType& type) {
  if (type.dtype != DType::float32 && type.dtype != DType::bfloat16) {
    refuse(std::string("computes in ") + dtype_name(type.dtype) + ", not in float32 or bfloat16");
  }
}

void require_same_dtype(const TensorType& a, const TensorType& b) {
  require_floats(a);
  require(a.dtype == b.dtype, "multiplies tensors of different types");
}

std::size_t dimension_of(std::int64_t dimension, std::size_t dimensions) {
  const auto count = static_cast<std::int64_t>(dimensions);
  require(dimension >= -count && dimension < count, "names a dimension that the tensor does not have");
  return static_cast<std::size_t>(dimension < 0 ? dimension + count : dimension);
}

std::vector<bool> dimensions_of(const Ints& dimensions, std::size_t count) {
  std::vector<bool> named(count, false);
  for (const std::int64_t each : dimensions) {
    const std::size_t dimension = dimension_of(each, count);
    require(!named[dimension], "names a dimension twice");
    named[dimension] = true;
  }
  return named;
}

std::int64_t fixed(const Extent& extent) {
  require(!extent.per_image, "computes across images");
  return extent.count;
}

Extent sized(std::int64_t count) {
  require(count >= 1 && count <= kMaxSide, "makes a tensor of a size that is not allowed");
  return {count, false};
}

TensorType checked(DType dtype, Shape shape) {
  require(shape.size() <= kMaxDimensions, "makes a tensor with too many dimensions");
  require(std::ranges::count_if(shape, &Extent::per_image) <= 1, "computes across images");
  elements_of(shape);
  return {dtype, std::move(shape)};
}

Shape broadcast(const Shape& a, const Shape& b) {
  const Shape& longer = a.size() >= b.size() ? a : b;
  const Shape& shorter = a.size() >= b.size() ? b : a;
  const std::size_t ahead = longer.size() - shorter.size();
  Shape shape = longer;
  for (std::size_t i = 0; i < shorter.size(); ++i) {
    Extent& extent = shape[ahead + i];
    if (extent == shorter[i] || shorter[i] == Extent{}) continue;
    require(extent == Extent{}, "combines tensors whose shapes do not match");
    extent = shorter[i];
  }
  return shape;
}

DType promoted(DType a, DType b) { return a == b ? a : DType::float32; }

}  // namespace egaze::detail
