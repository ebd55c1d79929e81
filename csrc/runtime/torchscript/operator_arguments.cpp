#include "operator_arguments.hpp"

#include <limits>

namespace egaze::detail {

OperatorArguments::OperatorArguments(torch::jit::Stack& stack, std::size_t count)
    : values_(torch::jit::pop(stack, count)) {}

c10::ScalarType OperatorArguments::type(std::size_t index) const {
  const std::int64_t type = values_[index].toInt();
  for (const c10::ScalarType known : {at::kFloat, at::kBFloat16}) {
    if (type == static_cast<std::int64_t>(known)) return known;
  }
  TORCH_CHECK(false, "egaze's operators do not compute in type ", type);
}

Activation OperatorArguments::activation(std::size_t index) const {
  const std::int64_t kind = values_[index].toInt();
  TORCH_CHECK(kind >= 0 && kind <= static_cast<std::int64_t>(Activation::hardsigmoid), "no activation ", kind);
  return static_cast<Activation>(kind);
}

at::Tensor OperatorArguments::tensor(std::size_t index, c10::ScalarType type) const {
  const at::Tensor tensor = values_[index].toTensor();
  TORCH_CHECK(tensor.defined() && tensor.layout() == at::kStrided && tensor.device().is_cpu() && !tensor.is_neg(),
              "argument ", index, " is no dense tensor on the CPU");
  TORCH_CHECK(tensor.scalar_type() == type, "argument ", index, " is of ", tensor.scalar_type(), ", not of ", type);
  return tensor;
}

const float* OperatorArguments::parameters(std::size_t index, const std::vector<std::int64_t>& shape) const {
  const at::Tensor tensor = this->tensor(index, at::kFloat);
  TORCH_CHECK(tensor.sizes() == c10::IntArrayRef(shape) && tensor.is_contiguous(), "argument ", index, " of shape ",
              tensor.sizes(), " does not lie as one of ", shape);
  return tensor.const_data_ptr<float>();
}

bool is_length(std::int64_t value, std::int64_t least) {
  return value >= least && value <= std::numeric_limits<std::int32_t>::max();
}

}  // namespace egaze::detail
