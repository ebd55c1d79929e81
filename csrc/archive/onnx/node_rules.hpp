// The operators of ONNX's standard domain that an exported model may use, with the rules for their arguments. Names and
// meanings are those of https://onnx.ai/onnx/operators, in version kOpset.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "onnx/graph.hpp"
#include "rules.hpp"

namespace egaze::detail::onnx {

// A constant, if the value is one, and the shape of a value. The shapes of constants do not depend on the images.
struct KnownValue {
  Shape shape;
  const Constant* constant = nullptr;
};

using KnownValues = std::unordered_map<std::string, KnownValue>;

// The inputs and attributes of an operator, whose kinds and number have been checked. All methods but `has` throw
// ProgramError.
class Arguments {
 public:
  Arguments(const Node& node, const KnownValues& values) : node_(node), values_(values) {}

  std::size_t inputs() const { return node_.inputs.size(); }
  bool has(std::size_t index) const { return index < inputs() && !node_.inputs[index].empty(); }
  const Shape& tensor(std::size_t index) const;  // of a float32 input
  Ints integers(std::size_t index) const;        // the elements of an input that is a constant list of int64
  float number(std::size_t index) const;         // an input that is a constant float32 without dimensions

  // Attributes, or what they are where they are not given.
  std::int64_t integer(const std::string& name, std::int64_t fallback) const;
  std::string text(const std::string& name, const std::string& fallback) const;
  Ints list(const std::string& name, Ints fallback) const;

 private:
  const Constant* constant(std::size_t index) const;

  const Node& node_;
  const KnownValues& values_;
};

struct Outcome {
  std::vector<Shape> shapes;         // of each result; all are float32
  std::int64_t multiplications = 0;  // for one image, in addition to one for each element of the results
  std::int64_t scratch_bytes = 0;    // for one image, that the operator may need while it computes
};

enum class AttributeKind : std::size_t { integer, real, text, integers };  // the alternatives of Attribute

struct Rule {
  std::string_view name;
  Outcome (*infer)(const Arguments&);  // throws ProgramError for arguments that the operator does not accept
  std::size_t least_inputs = 1, most_inputs = 1;
  std::vector<std::pair<std::string_view, AttributeKind>> attributes = {};  // those that may be given
  std::size_t most_outputs = 1;
};

inline constexpr std::size_t kMaxParts = 4096;  // that are joined, or into which a tensor is split

std::span<const Rule> value_rules();  // elementwise operators, reductions, products
std::span<const Rule> shape_rules();  // operators that change shapes or the order of elements
std::span<const Rule> image_rules();  // pooling, padding, resizing, the order of pixels

// Returns null if there is none.
const Rule* find_rule(std::string_view name);
std::vector<std::string> operator_names();  // of all rules, sorted

// Products and sums of counts from 0; what is too large to be counted is the largest number.
std::int64_t times(std::int64_t a, std::int64_t b);
std::int64_t plus(std::int64_t a, std::int64_t b);

}  // namespace egaze::detail::onnx
