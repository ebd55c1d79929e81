#include "operator_signature.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <stdexcept>

namespace egaze::detail {
namespace {

using Kind = Parameter::Kind;

constexpr auto kKinds = std::to_array<std::pair<std::string_view, Kind>>({
    {"Tensor", Kind::tensor},
    {"Tensor?", Kind::optional_tensor},
    {"Tensor[]", Kind::tensors},
    {"Tensor|Scalar", Kind::tensor_or_number},
    {"int", Kind::integer},
    {"int?", Kind::optional_integer},
    {"int[]", Kind::integers},
    {"int[]?", Kind::optional_integers},
    {"float[]?", Kind::optional_floats},
    {"float", Kind::real},
    {"float?", Kind::optional_real},
    {"Scalar", Kind::number},
    {"Scalar?", Kind::optional_number},
    {"bool", Kind::flag},
    {"str", Kind::text},
    {"dtype", Kind::dtype},
    {"dtype?", Kind::optional_dtype},
});

Argument parse_default(std::string_view text) {
  if (text == "None") return None{};
  if (text == "True" || text == "False") return text == "True";
  if (text.starts_with('"')) return std::string(text.substr(1, text.size() - 2));
  if (text.starts_with('[')) {
    Ints ints;
    for (const char c : text) {
      if (c >= '0' && c <= '9') ints.push_back(c - '0');
    }
    return ints;
  }
  if (text.find_first_of(".e") != std::string_view::npos) {
    double number = 0;
    std::from_chars(text.data(), text.data() + text.size(), number);
    return number;
  }
  std::int64_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

Parameter parse_parameter(std::string_view text) {
  Parameter parameter;
  const std::size_t space = text.find(' '), equals = text.find('=');
  const auto kind = std::ranges::find(kKinds, text.substr(0, space), [](const auto& entry) { return entry.first; });
  if (kind == kKinds.end()) throw std::logic_error("a signature with an unknown kind: " + std::string(text));
  parameter.kind = kind->second;
  parameter.name = text.substr(space + 1, equals - space - 1);
  if (equals != std::string_view::npos) {
    parameter.has_default = true;
    parameter.fallback = parse_default(text.substr(equals + 1));
  }
  return parameter;
}

bool is_none(const Argument& value) { return std::holds_alternative<None>(value); }

// Returns the value if it is of this kind.
std::optional<Argument> fitted(Kind kind, Argument value) {
  const bool tensor = std::holds_alternative<Tensor>(value), integer = std::holds_alternative<std::int64_t>(value);
  const bool real = std::holds_alternative<double>(value);
  bool fits = false;
  switch (kind) {
    case Kind::tensor: fits = tensor; break;
    case Kind::optional_tensor: fits = tensor || is_none(value); break;
    case Kind::tensors: fits = std::holds_alternative<Tensors>(value); break;
    case Kind::tensor_or_number: fits = tensor || integer || real; break;
    case Kind::integer:
    case Kind::dtype: fits = integer; break;
    case Kind::optional_integer:
    case Kind::optional_dtype: fits = integer || is_none(value); break;
    case Kind::optional_integers: fits = std::holds_alternative<Ints>(value) || is_none(value); break;
    case Kind::integers: fits = std::holds_alternative<Ints>(value); break;
    case Kind::optional_floats:
      fits = is_none(value);
      break;  // scales in addition to sizes, which no exported model has
    case Kind::real: fits = real; break;
    case Kind::optional_real: fits = real || is_none(value); break;
    case Kind::number: fits = integer || real; break;
    case Kind::optional_number: fits = integer || real || is_none(value); break;
    case Kind::flag: fits = std::holds_alternative<bool>(value); break;
    case Kind::text: fits = std::holds_alternative<std::string>(value); break;
  }
  if (!fits) return std::nullopt;
  return value;
}

}  // namespace

std::vector<Parameter> parse_signature(std::string_view signature) {
  std::vector<Parameter> parameters;
  bool keyword_only = false;
  std::size_t depth = 0, begin = 0;
  for (std::size_t at = 0; at <= signature.size(); ++at) {
    const char c = at < signature.size() ? signature[at] : ',';
    depth += c == '[' ? 1 : 0;
    depth -= c == ']' ? 1 : 0;
    if (c != ',' || depth > 0) continue;
    const std::string_view each = signature.substr(begin, at - begin);
    begin = at + 2;  // past ", "
    if (each == "*") {
      keyword_only = true;
      continue;
    }
    parameters.push_back(parse_parameter(each));
    parameters.back().keyword_only = keyword_only;
  }
  return parameters;
}

std::vector<Argument> bind(const std::vector<Parameter>& parameters, std::vector<CallArgument> call) {
  std::vector<std::optional<Argument>> bound(parameters.size());
  for (std::size_t i = 0; i < call.size(); ++i) {
    std::size_t at = i;
    if (!call[i].name.empty()) {
      at = static_cast<std::size_t>(std::ranges::find(parameters, call[i].name, &Parameter::name) - parameters.begin());
    } else if (i > 0 && !call[i - 1].name.empty()) {
      throw ProgramError("has a positional argument after a named one");
    }
    const bool fits = at < parameters.size() && !bound[at] && !(call[i].name.empty() && parameters[at].keyword_only);
    if (!fits) throw ProgramError("passes an argument that the operator does not have");
    bound[at] = fitted(parameters[at].kind, std::move(call[i].value));
    if (!bound[at]) throw ProgramError("passes a '" + parameters[at].name + "' of the wrong kind");
  }
  std::vector<Argument> arguments;
  arguments.reserve(parameters.size());
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    if (!bound[i] && !parameters[i].has_default) throw ProgramError("lacks the argument '" + parameters[i].name + "'");
    arguments.push_back(std::move(bound[i]).value_or(parameters[i].fallback));
  }
  return arguments;
}

}  // namespace egaze::detail
