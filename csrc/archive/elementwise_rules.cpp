#include <array>

#include "rules.hpp"

namespace egaze::detail {
namespace {

Outcome same(const Arguments& arguments) {
  require_floats(arguments.tensor(0));
  return {.types = {arguments.tensor(0)}};
}

// A tensor and another tensor or a number.
Outcome with_other(const Arguments& arguments) {
  const TensorType& a = arguments.tensor(0);
  require_floats(a);
  if (!arguments.is_tensor(1)) return {.types = {a}};
  const TensorType& b = arguments.tensor(1);
  require_floats(b);
  // torch treats a tensor without dimensions as a number when it chooses the type of the result.
  require(a.dtype == b.dtype || (!a.shape.empty() && !b.shape.empty()),
          "combines a tensor with a scalar of another type");
  return {.types = {checked(promoted(a.dtype, b.dtype), broadcast(a.shape, b.shape))}};
}

Outcome clamp(const Arguments& arguments) {
  require(arguments.has(1) || arguments.has(2), "clamps without valid bounds");
  return same(arguments);
}

Outcome gelu(const Arguments& arguments) {
  require(arguments.text(1) == "none" || arguments.text(1) == "tanh", "uses an unknown approximation");
  return same(arguments);
}

Outcome hardtanh(const Arguments& arguments) {
  require(arguments.number(1) <= arguments.number(2), "clamps without valid bounds");
  return same(arguments);
}

Outcome along_dimension(const Arguments& arguments) {
  const TensorType& x = arguments.tensor(0);
  require_floats(x);
  fixed(x.shape[dimension_of(arguments.integer(1), x.shape.size())]);
  require(!arguments.has(2), "changes the type while it adds");
  return {.types = {x}};
}

Outcome glu(const Arguments& arguments) {
  TensorType x = arguments.tensor(0);
  require_floats(x);
  Extent& extent = x.shape[dimension_of(arguments.integer(1), x.shape.size())];
  require(fixed(extent) % 2 == 0, "halves a dimension of odd size");
  extent.count /= 2;
  return {.types = {std::move(x)}};
}

Shape without(const Shape& shape, const Ints& dimensions, bool kept) {
  const std::vector<bool> named = dimensions_of(dimensions, shape.size());
  Shape left;
  for (std::size_t i = 0; i < shape.size(); ++i) {
    if (!named[i]) {
      left.push_back(shape[i]);
      continue;
    }
    fixed(shape[i]);
    if (kept) left.push_back({});
  }
  return left;
}

Outcome reduced(const TensorType& x, const Ints& dimensions, bool kept) {
  require_floats(x);
  require(!dimensions.empty(), "names no dimension to reduce");  // torch would reduce all of them
  return {.types = {{x.dtype, without(x.shape, dimensions, kept)}}, .multiplications = elements_of(x.shape)};
}

// Arguments: x, dimensions, kept, dtype.
Outcome sum(const Arguments& arguments) {
  require(arguments.has(1) && !arguments.has(3), "names no dimension to reduce, or another type");
  return reduced(arguments.tensor(0), arguments.integers(1), arguments.flag(2));
}

Outcome extreme(const Arguments& arguments) {
  return reduced(arguments.tensor(0), arguments.integers(1), arguments.flag(2));
}

// Arguments: x, dimensions, unbiased, kept.
Outcome variance(const Arguments& arguments) {
  require(arguments.has(1), "names no dimension to reduce");
  return reduced(arguments.tensor(0), arguments.integers(1), arguments.flag(3));
}

// Arguments: x, order, dimensions, kept, dtype.
Outcome vector_norm(const Arguments& arguments) {
  require(arguments.has(2) && !arguments.has(4), "names no dimension to reduce, or another type");
  return reduced(arguments.tensor(0), arguments.integers(2), arguments.flag(3));
}

DType dtype_of(std::int64_t number) {
  require(number == 6 || number == 15, "converts to a type that is neither float32 nor bfloat16");
  return number == 6 ? DType::float32 : DType::bfloat16;  // the values of c10::ScalarType
}

Outcome to(const Arguments& arguments) {
  const TensorType& x = arguments.tensor(0);
  require_floats(x);
  const DType dtype = dtype_of(arguments.integer(1));
  const bool copies = dtype != x.dtype || arguments.flag(3);
  return {.types = {{dtype, x.shape}}, .memory = copies ? Memory::own : Memory::shares};
}

constexpr auto kRules = std::to_array<OperatorRule>({
    {"abs", "Tensor self", same, true},
    {"add", "Tensor self, Tensor|Scalar other, *, Scalar alpha=1", with_other, true},
    {"amax", "Tensor self, int[] dim, bool keepdim=False", extreme},
    {"amin", "Tensor self, int[] dim, bool keepdim=False", extreme},
    {"clamp", "Tensor self, Scalar? min=None, Scalar? max=None", clamp, true},
    {"clamp_max", "Tensor self, Scalar max", same, true},
    {"clamp_min", "Tensor self, Scalar min", same, true},
    {"cos", "Tensor self", same, true},
    {"div", "Tensor self, Tensor|Scalar other", with_other, true},
    {"elu", "Tensor self, Scalar alpha=1, Scalar scale=1, Scalar input_scale=1", same, true},
    {"erf", "Tensor self", same, true},
    {"exp", "Tensor self", same, true},
    {"gelu", "Tensor self, *, str approximate=\"none\"", gelu, true},
    {"glu", "Tensor self, int dim=-1", glu},
    {"hardsigmoid", "Tensor self", same, true},
    {"hardswish", "Tensor self", same, true},
    {"hardtanh", "Tensor self, Scalar min_val=-1, Scalar max_val=1", hardtanh, true},
    {"leaky_relu", "Tensor self, Scalar negative_slope=0.01", same, true},
    {"linalg_vector_norm", "Tensor self, Scalar ord=2, int[]? dim=None, bool keepdim=False, *, dtype? dtype=None",
     vector_norm},
    {"log", "Tensor self", same, true},
    {"log_softmax", "Tensor self, int dim, dtype? dtype=None", along_dimension},
    {"maximum", "Tensor self, Tensor other", with_other},
    {"mean", "Tensor self, int[]? dim, bool keepdim=False, *, dtype? dtype=None", sum},
    {"minimum", "Tensor self, Tensor other", with_other},
    {"mish", "Tensor self", same, true},
    {"mul", "Tensor self, Tensor|Scalar other", with_other, true},
    {"neg", "Tensor self", same, true},
    {"pow", "Tensor self, Scalar exponent", same, true},
    {"reciprocal", "Tensor self", same, true},
    {"relu", "Tensor self", same, true},
    {"relu6", "Tensor self", same, true},
    {"rsqrt", "Tensor self", same, true},
    {"rsub", "Tensor self, Scalar other, Scalar alpha=1", same},
    {"selu", "Tensor self", same, true},
    {"sigmoid", "Tensor self", same, true},
    {"silu", "Tensor self", same, true},
    {"sin", "Tensor self", same, true},
    {"softmax", "Tensor self, int dim, dtype? dtype=None", along_dimension},
    {"softplus", "Tensor self, Scalar beta=1, Scalar threshold=20", same},
    {"sqrt", "Tensor self", same, true},
    {"square", "Tensor self", same, true},
    {"sub", "Tensor self, Tensor|Scalar other, *, Scalar alpha=1", with_other, true},
    {"sum", "Tensor self, int[]? dim, bool keepdim=False, *, dtype? dtype=None", sum},
    {"tanh", "Tensor self", same, true},
    {"to", "Tensor self, dtype dtype, bool non_blocking=False, bool copy=False", to},
    {"var", "Tensor self, int[]? dim, bool unbiased=True, bool keepdim=False", variance},
});

}  // namespace

std::span<const OperatorRule> elementwise_rules() { return kRules; }

}  // namespace egaze::detail
