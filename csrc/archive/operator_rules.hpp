// The operators that the program of an exported model may use, with the rules for their arguments and results.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "typed_graph.hpp"

namespace egaze::detail {

// The arguments of an operator, one for each parameter of its signature. Their kinds have been checked.
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

// The memory of an operator's results: their own; possibly or always that of the first argument; or always that of the
// first argument, with several elements at one address.
enum class Memory { own, may_share, shares, overlaps };

struct Outcome {
  std::vector<TensorType> types;
  Memory memory = Memory::own;
  std::int64_t multiplications = 0;  // for one image, in addition to one for each element of the results
  std::int64_t scratch_bytes = 0;    // for one image, that the operator may need while it computes
};

struct OperatorRule {
  std::string_view name;
  std::string_view signature;          // in the syntax of TorchScript's schemas
  Outcome (*infer)(const Arguments&);  // throws ProgramError for arguments that the operator does not accept
  bool in_place = false;               // whether a variant named with "_" changes its first argument
  bool returns_list = false;           // whether the result is a list of tensors
};

struct Operator {
  const OperatorRule* rule;
  std::vector<Parameter> parameters;
};

// Finds an operator by its name without "aten::" or "torch." and without a final "_". Returns null if there is none.
const Operator* find_operator(std::string_view name);

// The names of all operators, such as "aten::conv2d", sorted; with those that change their argument in place and those
// that make constants and lists.
std::vector<std::string> allowed_operators();

}  // namespace egaze::detail
