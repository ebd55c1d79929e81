#include <algorithm>
#include <array>
#include <initializer_list>
#include <map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "onnx/format.hpp"
#include "onnx/messages.hpp"
#include "rules.hpp"

namespace egaze::detail::onnx {
namespace {

constexpr std::size_t kMaxGraphBytes = std::size_t{4} << 20;  // of the operators
constexpr std::size_t kMaxSpecBytes = std::size_t{4} << 20, kMaxKeyBytes = 256, kMaxNameBytes = 64;
constexpr std::size_t kMaxConstants = 100'000, kMaxInputs = 4096, kMaxAttributes = 16, kMaxIntsOfAttribute = 16;
// How a file begins: with its version and its producer.
constexpr std::string_view kStart =
    "\x08\x08\x12\x05"
    "egaze";

std::string_view text_of(Bytes content) { return {reinterpret_cast<const char*>(content.data()), content.size()}; }

// The beginning of a text that may hold anything, for a message.
std::string shown(Bytes content) {
  constexpr std::size_t kShownBytes = 40;
  std::string text;
  for (const unsigned char byte : content.first(std::min(content.size(), kShownBytes))) {
    constexpr const char* digits = "0123456789abcdef";
    if (byte >= 0x20 && byte < 0x7F) {
      text += static_cast<char>(byte);
    } else {
      text += {'\\', 'x', digits[byte >> 4], digits[byte & 15]};
    }
  }
  return "'" + text + "'";
}

std::string name_of(Bytes content) {
  const std::string_view text = text_of(content);
  const auto is_letter = [](char c) { return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_'; };
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  if (text.empty() || text.size() > kMaxNameBytes || is_digit(text.front()) ||
      !std::ranges::all_of(text, [&](char c) { return is_letter(c) || is_digit(c); })) {
    throw LayoutError("it holds the name " + shown(content) + ", which no exported model has");
  }
  return std::string(text);
}

// A number of a field, with the most values that it may have.
struct Allowed {
  std::uint64_t number;
  std::size_t most;
};

// The fields of a message by number.
class Fields {
 public:
  // `strange` says what is wrong with a field of another number.
  Fields(Bytes message, std::initializer_list<Allowed> allowed, std::string (*strange)(std::uint64_t)) {
    std::vector<Allowed> left(allowed);
    FieldReader reader(message);
    while (const std::optional<Field> field = reader.next()) {
      const auto known = std::ranges::find(left, field->number, &Allowed::number);
      if (known == left.end()) throw LayoutError(strange(field->number));
      if (known->most == 0) throw LayoutError("it holds a field more often than any exported model does");
      --known->most;
      fields_.push_back(*field);
    }
  }

  std::vector<Bytes> contents(std::uint64_t number) const {
    std::vector<Bytes> found;
    for (const Field& field : fields_) {
      if (field.number == number && !field.value) found.push_back(field.content);
    }
    return found;
  }

  Ints numbers(std::uint64_t number) const {
    Ints found;
    for (const Field& field : fields_) {
      if (field.number == number && field.value) found.push_back(static_cast<std::int64_t>(*field.value));
    }
    return found;
  }

  // The first one; an empty content or 0 if there is none.
  Bytes content(std::uint64_t number) const {
    const std::vector<Bytes> found = contents(number);
    return found.empty() ? Bytes() : found.front();
  }
  std::int64_t number(std::uint64_t number) const {
    const Ints found = numbers(number);
    return found.empty() ? 0 : found.front();
  }

 private:
  std::vector<Field> fields_;
};

std::string strange_field(std::uint64_t number) {
  return "it holds a field " + std::to_string(number) + " that no exported model holds";
}

std::string strange_attribute(std::uint64_t number) {
  const std::map<std::uint64_t, std::string> kinds = {
      {5, "a tensor"}, {6, "a subgraph"}, {10, "tensors"}, {11, "subgraphs"}, {22, "a sparse tensor"}};
  const auto kind = kinds.find(number);
  return "an operator has " + (kind == kinds.end() ? "a field " + std::to_string(number) : kind->second) +
         " as attribute, which no exported model has";
}

std::string strange_constant(std::uint64_t number) {
  if (number == 13 || number == 14) return "it keeps constants outside of the file";
  return "a constant has a field " + std::to_string(number) + ", which no exported model's has";
}

LayoutError no_model(Bytes file) {
  if (text_of(file).starts_with("PK")) {
    return LayoutError("is a TorchScript model or another archive, not ONNX; name it .pt", ErrorCode::model_foreign);
  }
  if (kStart.starts_with(text_of(file))) {
    return LayoutError("is incomplete: it ends before its graph", ErrorCode::model_truncated);
  }
  return LayoutError("is not an ONNX file that egaze exported", ErrorCode::model_foreign);
}

void require_opset(Bytes message) {
  const Fields fields(message, {{1, 1}, {2, 1}}, strange_field);
  const Bytes domain = fields.content(1);
  const std::int64_t version = fields.number(2);
  if (domain.empty() && version == kOpset) return;
  throw LayoutError("its program uses operators of version " + std::to_string(version) +
                        (domain.empty() ? "" : " of the domain " + shown(domain)) +
                        "; this egaze reads ONNX's own of version " + std::to_string(kOpset),
                    ErrorCode::model_operator);
}

// The texts of the metadata by their keys.
class Metadata {
 public:
  void add(Bytes message) {
    const Fields fields(message, {{1, 1}, {2, 1}}, strange_field);
    const std::string_view key = text_of(fields.content(1));
    if (key.size() > kMaxKeyBytes || texts_.size() == 2 || !texts_.emplace(key, text_of(fields.content(2))).second) {
      throw too_many();
    }
  }

  // Takes a text out.
  std::optional<std::string_view> take(std::string_view key) {
    const auto found = texts_.find(key);
    if (found == texts_.end()) return std::nullopt;
    const std::string_view text = found->second;
    texts_.erase(found);
    return text;
  }

  void require_empty() const {
    if (!texts_.empty()) throw too_many();
  }

 private:
  static LayoutError too_many() { return LayoutError("its metadata hold more than a spec and a signature"); }

  std::map<std::string_view, std::string_view> texts_;
};

// Reads the fields of a file; returns the graph's message if there is one.
std::optional<Bytes> read_file_fields(Bytes file, Metadata& metadata) {
  constexpr std::array<std::uint64_t, 5> kKnown = {1, 2, 3, 7, 8};
  std::map<std::uint64_t, Bytes> found;
  FieldReader reader(file);
  while (const std::optional<Field> field = reader.next()) {
    const std::uint64_t number = field->number;
    if (number == 14 && !field->value) {
      metadata.add(field->content);
      continue;
    }
    if (number == 20 || number == 25) {
      const std::string kind = number == 25 ? "functions of its own" : "steps of a training";
      throw LayoutError("its program has " + kind + ", which no exported model has", ErrorCode::model_operator);
    }
    if (number == 8 && !field->value) require_opset(field->content);
    if (std::ranges::find(kKnown, number) == kKnown.end() || !found.emplace(number, field->content).second) {
      throw LayoutError("it holds a field " + std::to_string(number) + " that no exported model holds there");
    }
  }
  const auto graph = found.find(7);
  return graph == found.end() ? std::nullopt : std::optional(graph->second);
}

Attribute read_attribute(const Fields& fields, const std::string& name) {
  const std::int64_t kind = fields.number(20);
  const Bytes real = fields.content(2);
  if (kind == kFloatAttribute && real.size() == 4) return float_of(real);
  if (kind == kIntAttribute) return fields.number(3);
  if (kind == kStringAttribute) return name_of(fields.content(4));
  if (kind == kIntsAttribute) return fields.numbers(8);
  throw LayoutError("the attribute '" + name + "' of an operator is of a kind that no exported model has");
}

Node read_node(Bytes message) {
  const Fields fields(message, {{1, kMaxInputs}, {2, kMaxInputs}, {4, 1}, {5, kMaxAttributes}, {7, 1}}, strange_field);
  Node node;
  node.op_type = name_of(fields.content(4));
  const Bytes domain = fields.content(7);
  if (!domain.empty()) {
    refuse("uses '" + node.op_type + "' of the domain " + shown(domain) + ", not of ONNX's own operators");
  }
  for (const Bytes attribute : fields.contents(5)) {
    const Fields of_attribute(attribute, {{1, 1}, {2, 1}, {3, 1}, {4, 1}, {8, kMaxIntsOfAttribute}, {20, 1}},
                              strange_attribute);
    const std::string name = name_of(of_attribute.content(1));
    node.attributes.insert_or_assign(name, read_attribute(of_attribute, name));
  }
  for (const Bytes name : fields.contents(1)) node.inputs.push_back(name.empty() ? "" : name_of(name));
  for (const Bytes name : fields.contents(2)) node.outputs.push_back(name_of(name));
  return node;
}

std::pair<std::string, Constant> read_constant(Bytes message) {
  const Fields fields(message, {{1, kMaxDimensions}, {2, 1}, {8, 1}, {9, 1}}, strange_constant);
  const std::string name = name_of(fields.content(8));
  const Constant constant = {fields.number(2), fields.numbers(1), fields.content(9)};
  if (constant.dtype != kFloat32 && constant.dtype != kInt64) {
    throw LayoutError("the constant '" + name + "' is neither float32 nor int64");
  }
  std::uint64_t size = constant.dtype == kInt64 ? 8 : 4;
  bool fits = true;
  for (const std::int64_t side : constant.dims) {
    if (side < 1) throw LayoutError("the constant '" + name + "' has a side of " + std::to_string(side));
    fits = fits && static_cast<std::uint64_t>(side) <= constant.data.size() / size;
    if (!fits) break;
    size *= static_cast<std::uint64_t>(side);
  }
  if (!fits || size != constant.data.size()) {
    throw LayoutError("the constant '" + name + "' has " + std::to_string(constant.data.size()) +
                      " bytes, other than its shape says");
  }
  return {name, constant};
}

// Reads the fields of a graph, each of which is bounded before it is read.
class GraphReader {
 public:
  explicit GraphReader(std::int64_t most_nodes) : most_nodes_(most_nodes) {}

  void read(const Field& field) {
    if (field.number == 1 && !field.value) {
      add_node(field.content);
    } else if (field.number == 5 && !field.value) {
      add_constant(field.content);
    } else if ((field.number == 2 || field.number == 11 || field.number == 12) && !field.value) {
      // The name, the input and the outputs: the spec says what they hold, and write_file whether they do.
      if (++others_ > 5) throw LayoutError("its graph has more than one input and three outputs");
    } else {
      const std::string kind = field.number == 13   ? "types of values"
                               : field.number == 15 ? "sparse constants"
                                                    : "a field " + std::to_string(field.number);
      throw LayoutError("its graph holds " + kind + ", which no exported model's holds");
    }
  }

  Graph take() { return std::move(graph_); }

 private:
  void add_node(Bytes message) {
    read_bytes_ += message.size();
    if (std::ssize(graph_.nodes) == most_nodes_) {
      refuse("has more operators than the limit nodes=" + std::to_string(most_nodes_));
    }
    require(read_bytes_ <= kMaxGraphBytes, "is too long");
    graph_.nodes.push_back(read_node(message));
  }

  void add_constant(Bytes message) {
    auto [name, constant] = read_constant(message);
    if (names_.size() == kMaxConstants || !names_.insert(name).second) {
      throw LayoutError("it holds two constants named '" + name + "', or too many");
    }
    graph_.constants.emplace_back(std::move(name), std::move(constant));
  }

  std::int64_t most_nodes_;
  std::size_t read_bytes_ = 0, others_ = 0;
  Graph graph_;
  std::unordered_set<std::string> names_;  // of constants
};

}  // namespace

Parts read_parts(Bytes file) {
  if (!text_of(file).starts_with(kStart)) throw no_model(file);
  Metadata metadata;
  std::optional<Bytes> graph;
  try {
    graph = read_file_fields(file, metadata);
  } catch (const WireError& error) {
    throw LayoutError(std::string("is incomplete, damaged or followed by other data: ") + error.what(),
                      error.ends_early() ? ErrorCode::model_truncated : ErrorCode::model_archive);
  }
  const std::optional<std::string_view> spec_json = metadata.take(kSpecKey);
  if (!graph || !spec_json) {
    const std::string what = graph ? "its metadata hold no 'egaze_spec'" : "it holds no graph";
    throw LayoutError("is not a model that egaze exported: " + what, ErrorCode::model_foreign);
  }
  if (spec_json->size() > kMaxSpecBytes) throw LayoutError("its spec is too large");
  Parts parts{*graph, *spec_json, metadata.take(kSignatureKey), file.size()};
  metadata.require_empty();
  if (parts.signature) parts.unsigned_bytes -= signature_bytes(*parts.signature);
  return parts;
}

Graph read_graph(Bytes message, std::int64_t most_nodes) {
  GraphReader graph(most_nodes);
  try {
    FieldReader reader(message);
    while (const std::optional<Field> field = reader.next()) graph.read(*field);
  } catch (const WireError& error) {
    throw LayoutError(error.what());
  }
  return graph.take();
}

}  // namespace egaze::detail::onnx
