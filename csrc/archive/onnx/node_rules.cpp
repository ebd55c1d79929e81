#include "onnx/node_rules.hpp"

#include <algorithm>
#include <limits>
#include <map>
#include <variant>

namespace egaze::detail::onnx {
namespace {

constexpr std::int64_t kLargest = std::numeric_limits<std::int64_t>::max();
constexpr std::int64_t kMaxIntegers = 4096;

std::int64_t int64_of(Bytes eight) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < 8; ++i) value |= std::uint64_t{eight[i]} << 8 * i;
  return static_cast<std::int64_t>(value);
}

const std::map<std::string_view, const Rule*>& rules() {
  static const auto all = [] {
    std::map<std::string_view, const Rule*> found;
    for (const std::span<const Rule> group : {value_rules(), shape_rules(), image_rules()}) {
      for (const Rule& rule : group) found.emplace(rule.name, &rule);
    }
    return found;
  }();
  return all;
}

template <class Value>
Value attribute_or(const Node& node, const std::string& name, Value fallback) {
  const auto found = node.attributes.find(name);
  if (found == node.attributes.end()) return fallback;
  const auto* value = std::get_if<Value>(&found->second);
  return value == nullptr ? std::move(fallback) : *value;
}

}  // namespace

const Constant* Arguments::constant(std::size_t index) const {
  const auto found = has(index) ? values_.find(node_.inputs[index]) : values_.end();
  return found == values_.end() ? nullptr : found->second.constant;
}

const Shape& Arguments::tensor(std::size_t index) const {
  const Constant* given = constant(index);
  require(given == nullptr || given->dtype == kFloat32, "computes with a tensor that is not float32");
  require(has(index), "lacks an input");
  return values_.at(node_.inputs[index]).shape;
}

Ints Arguments::integers(std::size_t index) const {
  const Constant* given = constant(index);
  require(given != nullptr && given->dtype == kInt64 && given->dims.size() == 1 && given->dims[0] <= kMaxIntegers,
          "has a shape, an axis or a step that is not a constant");
  Ints values;
  for (std::size_t at = 0; at < given->data.size(); at += 8) values.push_back(int64_of(given->data.subspan(at, 8)));
  return values;
}

float Arguments::number(std::size_t index) const {
  const Constant* given = constant(index);
  require(given != nullptr && given->dtype == kFloat32 && given->dims.empty(),
          "has a bound or a value that is not a constant number");
  return float_of(given->data);
}

std::int64_t Arguments::integer(const std::string& name, std::int64_t fallback) const {
  return attribute_or(node_, name, fallback);
}

std::string Arguments::text(const std::string& name, const std::string& fallback) const {
  return attribute_or(node_, name, fallback);
}

Ints Arguments::list(const std::string& name, Ints fallback) const {
  return attribute_or(node_, name, std::move(fallback));
}

const Rule* find_rule(std::string_view name) {
  const auto found = rules().find(name);
  return found == rules().end() ? nullptr : found->second;
}

std::vector<std::string> operator_names() {
  std::vector<std::string> names;
  for (const auto& [name, rule] : rules()) names.emplace_back(name);
  return names;
}

std::int64_t times(std::int64_t a, std::int64_t b) { return b != 0 && a > kLargest / b ? kLargest : a * b; }

std::int64_t plus(std::int64_t a, std::int64_t b) { return a > kLargest - b ? kLargest : a + b; }

}  // namespace egaze::detail::onnx
