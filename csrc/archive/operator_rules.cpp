#include "operator_rules.hpp"

#include <algorithm>
#include <array>
#include <string>
#include <unordered_map>
#include <utility>

#include "operator_signature.hpp"
#include "rules.hpp"

namespace egaze::detail {
namespace {

// Nodes that TorchScript's parser adds for constants, lists and the pair of results.
constexpr auto kConstruction = std::to_array<std::string_view>(
    {"prim::Constant", "prim::ListConstruct", "prim::ListUnpack", "prim::TupleConstruct"});

const std::unordered_map<std::string_view, Operator>& operators() {
  static const std::unordered_map<std::string_view, Operator> all = [] {
    std::unordered_map<std::string_view, Operator> by_name;
    for (const auto rules : {elementwise_rules(), image_rules(), product_rules(), shape_rules()}) {
      for (const OperatorRule& rule : rules) by_name[rule.name] = {&rule, parse_signature(rule.signature)};
    }
    return by_name;
  }();
  return all;
}

}  // namespace

std::vector<TensorType> Arguments::tensors(std::size_t index) const {
  std::vector<TensorType> types;
  for (const ValueId id : std::get<Tensors>(arguments_[index]).ids) types.push_back(values_[id].type);
  return types;
}

double Arguments::number(std::size_t index) const {
  const auto* integer = std::get_if<std::int64_t>(&arguments_[index]);
  return integer != nullptr ? static_cast<double>(*integer) : std::get<double>(arguments_[index]);
}

const Operator* find_operator(std::string_view name) {
  const auto found = operators().find(name);
  return found == operators().end() ? nullptr : &found->second;
}

std::vector<std::string> allowed_operators() {
  std::vector<std::string> names(kConstruction.begin(), kConstruction.end());
  for (const auto& [name, each] : operators()) {
    names.push_back("aten::" + std::string(name));
    if (each.rule->in_place) names.push_back(names.back() + "_");
  }
  std::ranges::sort(names);
  return names;
}

}  // namespace egaze::detail
