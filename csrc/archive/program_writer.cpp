#include "program_writer.hpp"

#include <array>
#include <charconv>
#include <unordered_map>

#include "program_parser.hpp"

namespace egaze::detail {
namespace {

class Writer {
 public:
  explicit Writer(const TypedGraph& graph)
      : graph_(graph), text_(graph.class_heatmaps ? kProgramHeadWithClassHeatmaps : kProgramHead) {}

  std::string write() {
    for (const Node& node : graph_.nodes) statement(node);
    text_ += "    return (" + name(graph_.class_probs) + ", " + name(graph_.heatmap);
    if (graph_.class_heatmaps) text_ += ", " + name(*graph_.class_heatmaps);
    text_ += ")\n";
    return std::move(text_);
  }

 private:
  std::string name(ValueId id) const {
    if (id == 0) return "image";
    const auto constant = graph_.constants.find(id);
    if (constant != graph_.constants.end()) return "CONSTANTS.c" + std::to_string(constant->second);
    return "x" + std::to_string(numbers_.at(id));
  }

  void statement(const Node& node) {
    for (const ValueId output : node.outputs) numbers_.emplace(output, numbers_.size());
    text_ += "    ";
    for (const ValueId output : node.outputs) text_ += name(output) + (node.returns_list ? ", " : " ");
    text_ += "= torch." + node.name + "(";
    const std::vector<Parameter>& parameters = *node.parameters;
    std::size_t positional = 0;  // up to the last positional argument that is not its default
    for (std::size_t i = 0; i < parameters.size(); ++i) {
      if (!parameters[i].keyword_only && !is_default(node, i)) positional = i + 1;
    }
    bool first = true;
    for (std::size_t i = 0; i < parameters.size(); ++i) {
      if (parameters[i].keyword_only ? is_default(node, i) : i >= positional) continue;
      if (!first) text_ += ", ";
      first = false;
      if (parameters[i].keyword_only) text_ += parameters[i].name + "=";
      std::visit([this](const auto& value) { write_value(value); }, node.arguments[i]);
    }
    text_ += ")\n";
  }

  static bool is_default(const Node& node, std::size_t index) {
    const Parameter& parameter = (*node.parameters)[index];
    return parameter.has_default && parameter.fallback == node.arguments[index];
  }

  void write_value(const None&) { text_ += "None"; }
  void write_value(bool value) { text_ += value ? "True" : "False"; }
  void write_value(std::int64_t value) { text_ += std::to_string(value); }
  void write_value(const std::string& value) { text_ += '"' + value + '"'; }
  void write_value(const Tensor& tensor) { text_ += name(tensor.id); }

  // Writes the shortest decimal number that is read as the same value, with a point or an exponent.
  void write_value(double value) {
    std::array<char, 32> digits{};
    const auto result = std::to_chars(digits.data(), digits.data() + digits.size(), value);
    const std::string_view number(digits.data(), result.ptr);
    text_ += number;
    if (number.find_first_of(".e") == std::string_view::npos) text_ += '.';
  }

  void write_value(const Ints& integers) {
    write_list(integers, [this](std::int64_t integer) { write_value(integer); });
  }
  void write_value(const Tensors& tensors) {
    write_list(tensors.ids, [this](ValueId id) { text_ += name(id); });
  }

  template <class List, class WriteItem>
  void write_list(const List& list, const WriteItem& write_item) {
    text_ += '[';
    for (std::size_t i = 0; i < list.size(); ++i) {
      if (i > 0) text_ += ", ";
      write_item(list[i]);
    }
    text_ += ']';
  }

  const TypedGraph& graph_;
  std::unordered_map<ValueId, std::size_t> numbers_;  // of the values that have names, in order
  std::string text_;
};

}  // namespace

std::string write_program(const TypedGraph& graph) { return Writer(graph).write(); }

}  // namespace egaze::detail
