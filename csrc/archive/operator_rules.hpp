// The one list of what an exported model's program may do: every operator with what it takes and what it gives.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "typed_graph.hpp"

namespace egaze::detail {

// An operator's arguments, one a parameter of its signature, whose kinds have been checked.
class Arguments {
 public:
  Arguments(std::span<const Argument> arguments, const std::vector<Value>& values)
      : arguments_(arguments), values_(values) {}

  bool has(std::size_t index) const { return !std::holds_alternative<None>(arguments_[index]); }
  bool is_tensor(std::size_t index) const { return std::holds_alternative<Tensor>(arguments_[index]); }
  const TensorType& tensor(std::size_t index) const { return values_[std::get<Tensor>(arguments_[index]).id].type; }
  std::vector<TensorType> tensors(std::size_t index) const;
  std::int64_t integer(std::size_t index) const { return std::get<std::int64_t>(arguments_[index]); }
  const Ints& integers(std::size_t index) const { return std::get<Ints>(arguments_[index]); }
  double number(std::size_t index) const;
  bool flag(std::size_t index) const { return std::get<bool>(arguments_[index]); }
  const std::string& text(std::size_t index) const { return std::get<std::string>(arguments_[index]); }

 private:
  std::span<const Argument> arguments_;
  const std::vector<Value>& values_;
};

// Whether what an operator gives has memory of its own, or that of its first argument: always, or where it can.
enum class Memory { own, may_share, shares, overlaps };

struct Outcome {
  std::vector<TensorType> types;
  Memory memory = Memory::own;
  std::int64_t multiplications = 0;  // for one image, in addition to one for each element of the results
  std::int64_t scratch_bytes = 0;    // for one image, that the operator may need while it computes
};

struct OperatorRule {
  std::string_view name;
  std::string_view signature;          // as TorchScript writes it: the kinds of Parameter, names, defaults, "*"
  Outcome (*infer)(const Arguments&);  // throws ProgramError for what the operator would not take
  bool in_place = false;               // whether there is one of the name with "_" that changes its first argument
  bool gives_several = false;          // tensors, in a list
};

struct Operator {
  const OperatorRule* rule;
  std::vector<Parameter> parameters;
};

// The operator of a name without "aten::" or "torch.", and without the "_" of one in place; null if there is none.
const Operator* find_operator(std::string_view name);

// The names of all, such as "aten::conv2d", those in place and what makes constants and lists among them, in order.
std::vector<std::string> allowed_operators();

}  // namespace egaze::detail
