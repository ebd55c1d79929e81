#include "typed_graph.hpp"

namespace egaze::detail {
namespace {

constexpr std::int64_t kMaxElements = std::int64_t{1} << 40;

}  // namespace

const char* dtype_name(DType dtype) {
  switch (dtype) {
    case DType::float32: return "float32";
    case DType::bfloat16: return "bfloat16";
    case DType::float16: return "float16";
    case DType::float64: return "float64";
    case DType::int64: return "int64";
    case DType::int32: return "int32";
    case DType::boolean: return "bool";
  }
  return "unknown";
}

std::int64_t element_bytes(DType dtype) {
  switch (dtype) {
    case DType::float64:
    case DType::int64: return 8;
    case DType::float32:
    case DType::int32: return 4;
    case DType::bfloat16:
    case DType::float16: return 2;
    case DType::boolean: return 1;
  }
  return 8;
}

std::string text_of(const TensorType& type) {
  std::string text = std::string(dtype_name(type.dtype)) + " (";
  for (std::size_t i = 0; i < type.shape.size(); ++i) {
    const auto& [count, per_image] = type.shape[i];
    if (i > 0) text += ", ";
    if (!per_image || count != 1) text += std::to_string(count);
    if (per_image) text += count == 1 ? "N" : " N";
  }
  return text + ")";
}

std::int64_t elements_of(const Shape& shape) {
  std::int64_t elements = 1;
  for (const Extent& extent : shape) {
    if (extent.count > kMaxElements / elements) throw ProgramError("makes a tensor of more than 2^40 elements");
    elements *= extent.count;
  }
  return elements;
}

std::int64_t bytes_of(const TensorType& type) { return elements_of(type.shape) * element_bytes(type.dtype); }

}  // namespace egaze::detail
