// Makes graphs of programs from bytes: any operators on existing values, with arguments that are often valid.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <map>
#include <string>
#include <vector>

#include "bytes.hpp"
#include "graph_builder.hpp"
#include "operator_rules.hpp"
#include "program_writer.hpp"

namespace fuzz {

using namespace egaze::detail;

inline constexpr std::int64_t kHeightPx = 8, kWidthPx = 6, kClasses = 3;

inline std::vector<TensorType> constants_for(std::int64_t height_px, std::int64_t width_px) {
  return {{DType::float32, {{4}, {1}, {3}, {3}}},
          {DType::float32, {{4}}},
          {DType::float32, {{4}, {4}, {1}, {1}}},
          {DType::float32, {{4}, {1}, {1}, {3}}},
          {DType::float32, {{width_px}, {width_px}}},
          {DType::float32, {{width_px}}},
          {DType::float32, {{1}, {4}, {height_px}, {width_px}}},
          {DType::bfloat16, {{4}, {4}, {3}, {3}}},
          {DType::bfloat16, {{4}}},
          {DType::float32, {{2}, {1}, {3}}},
          {DType::float32, {{1}}}};
}

inline const std::vector<TensorType>& constants() {
  static const std::vector<TensorType> all = constants_for(kHeightPx, kWidthPx);
  return all;
}

// The operators that programs call, without "aten::".
inline const std::vector<std::string>& operator_names() {
  static const std::vector<std::string> all = [] {
    std::vector<std::string> names;
    for (const std::string& name : allowed_operators()) {
      if (!name.starts_with("prim::")) names.push_back(name.substr(6));
    }
    return names;
  }();
  return all;
}

class ProgramGrammar {
 public:
  explicit ProgramGrammar(Bytes& bytes, std::int64_t height_px = kHeightPx, std::int64_t width_px = kWidthPx)
      : bytes_(bytes),
        height_px_(height_px),
        width_px_(width_px),
        constants_(constants_for(height_px, width_px)),
        builder_(height_px, width_px, constants_, limits_) {
    remember(GraphBuilder::image());
    // Several channels, which many operators need.
    remember(builder_.call(
        "conv2d",
        {{"", GraphBuilder::image()}, {"", builder_.constant(0)}, {"", None{}}, {"", Ints{1, 1}}, {"", Ints{1, 1}}}));
  }

  // Tries operators until `operators` of them were accepted, and adds two results.
  TypedGraph graph(std::size_t operators) {
    for (std::size_t tried = 0; tried < 4 * operators && accepted_ < operators && !bytes_.empty(); ++tried) {
      attempt(operator_names()[bytes_.below(operator_names().size())]);
    }
    return finished();
  }

  // Tries the operator with random arguments, and returns whether the builder accepted it.
  bool attempt(const std::string& name) {
    const Operator* op = find_operator(name.ends_with('_') ? name.substr(0, name.size() - 1) : name);
    std::vector<CallArgument> call;
    for (const Parameter& parameter : op->parameters) {
      if (parameter.has_default && bytes_.below(3) == 0) break;
      call.push_back({parameter.keyword_only ? parameter.name : "", argument(parameter.kind)});
    }
    try {
      remember(builder_.call(name, std::move(call)));
      ++accepted_;
      return true;
    } catch (const ProgramError&) {
      return false;
    }
  }

 private:
  void remember(const Argument& value) {
    if (const auto* tensor = std::get_if<Tensor>(&value)) values_.push_back(tensor->id);
    if (const auto* tensors = std::get_if<Tensors>(&value)) {
      values_.insert(values_.end(), tensors->ids.begin(), tensors->ids.end());
    }
  }

  Tensor tensor() {
    if (bytes_.below(4) == 0) return std::get<Tensor>(builder_.constant(bytes_.below(constants_.size())));
    // Recent values are preferred, because long chains of operators find more than many short ones.
    const std::size_t back =
        bytes_.below(bytes_.below(2) == 0 ? std::min<std::size_t>(3, values_.size()) : values_.size());
    return {values_[values_.size() - 1 - back]};
  }

  std::int64_t integer() {
    constexpr auto kLikely = std::to_array<std::int64_t>({-1, 0, 1, 2, 3, 4, 6, 8, 12, 24, 48, 192});
    // No program's text holds the smallest integer.
    if (bytes_.below(64) == 0) return std::max(bytes_.take<std::int64_t>(), -std::numeric_limits<std::int64_t>::max());
    return kLikely[bytes_.below(kLikely.size())];
  }

  Ints integers() {
    const std::int64_t height = height_px_, width = width_px_, pixels = height * width;
    const std::vector<Ints> likely = {{1, 1},
                                      {0, 0},
                                      {2, 2},
                                      {3, 3},
                                      {height, width},
                                      {2, 3},
                                      {-1, 4, pixels},
                                      {-1, 4 * pixels},
                                      {-1, pixels},
                                      {0, 2, 3, 1},
                                      {0, 3, 1, 2},
                                      {1, 1, 2, 0},
                                      {-1, 2, 2, pixels},
                                      {2 * height, 2 * width},
                                      {-1, 4, height, width},
                                      {width},
                                      {4},
                                      {1, 3}};
    if (bytes_.below(4) != 0) return likely[bytes_.below(likely.size())];
    Ints list(1 + bytes_.below(5));  // no program's text holds an empty list
    for (std::int64_t& each : list) each = integer();
    return list;
  }

  double real() {
    const double any = bytes_.take<float>();
    return bytes_.below(4) == 0 && std::isfinite(any) ? any : 0.5;
  }

  Argument argument(Parameter::Kind kind) {
    using Kind = Parameter::Kind;
    if (bytes_.below(100) == 0) kind = static_cast<Kind>(bytes_.below(17));
    const bool none = bytes_.below(2) == 0;
    switch (kind) {
      case Kind::optional_tensor:
        if (none) return None{};
        [[fallthrough]];
      case Kind::tensor: return tensor();
      case Kind::tensors: {
        Tensors list;
        for (std::size_t i = bytes_.below(4) + 1; i > 0; --i) list.ids.push_back(tensor().id);
        return list;
      }
      case Kind::tensor_or_number: return none ? Argument(real()) : Argument(tensor());
      case Kind::optional_integer:
        if (none) return None{};
        [[fallthrough]];
      case Kind::integer: return integer();
      case Kind::optional_integers:
        if (none) return None{};
        [[fallthrough]];
      case Kind::integers: return integers();
      case Kind::optional_floats: return None{};
      case Kind::optional_real:
        if (none) return None{};
        [[fallthrough]];
      case Kind::real: return real();
      case Kind::optional_number:
        if (none) return None{};
        [[fallthrough]];
      case Kind::number: return bytes_.below(2) == 0 ? Argument(integer()) : Argument(real());
      case Kind::flag: return bytes_.below(2) == 0;
      case Kind::text: return std::string(bytes_.below(2) == 0 ? "none" : "constant");
      case Kind::optional_dtype:
        if (none) return None{};
        [[fallthrough]];
      case Kind::dtype: return bytes_.below(8) == 0 ? integer() : std::int64_t{bytes_.below(2) == 0 ? 6 : 15};
    }
    return None{};
  }

  TypedGraph finished() {
    const auto call = [this](const char* name, std::vector<CallArgument> arguments) {
      return builder_.call(name, std::move(arguments));
    };
    const Argument one = call("mean", {{"", call("clone", {{"", GraphBuilder::image()}})}, {"", Ints{2, 3}}});
    const Argument probs =
        call("softmax", {{"", call("repeat", {{"", one}, {"", Ints{1, kClasses}}})}, {"", std::int64_t{1}}});
    return builder_.finish(std::array{probs, call("sigmoid", {{"", GraphBuilder::image()}})}, kClasses);
  }

  Bytes& bytes_;
  std::int64_t height_px_, width_px_;
  std::vector<TensorType> constants_;
  egaze::ModelLimits limits_{
      .nodes = 1000, .bytes_at_work = std::int64_t{1} << 26, .multiplications = std::int64_t{1} << 28};
  GraphBuilder builder_;
  std::vector<ValueId> values_;
  std::size_t accepted_ = 0;
};

}  // namespace fuzz
