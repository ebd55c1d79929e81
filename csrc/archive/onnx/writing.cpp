#include <utility>
#include <variant>

#include "onnx/format.hpp"
#include "onnx/messages.hpp"
#include "onnx/node_builder.hpp"

namespace egaze::detail::onnx {
namespace {

Message entry(std::string_view key, std::string_view value) {
  Message message;
  message.add_text(1, key);
  message.add_text(2, value);
  return message;
}

Message written(const std::string& name, const Attribute& attribute) {
  Message message;
  message.add_text(1, name);
  if (const auto* real = std::get_if<float>(&attribute)) {
    message.add_float(2, *real);
    message.add_number(20, kFloatAttribute);
  } else if (const auto* integer = std::get_if<std::int64_t>(&attribute)) {
    message.add_number(3, *integer);
    message.add_number(20, kIntAttribute);
  } else if (const auto* text = std::get_if<std::string>(&attribute)) {
    message.add_text(4, *text);
    message.add_number(20, kStringAttribute);
  } else {
    for (const std::int64_t item : std::get<Ints>(attribute)) message.add_number(8, item);
    message.add_number(20, kIntsAttribute);
  }
  return message;
}

Message written(const Node& node) {
  Message message;
  for (const std::string& name : node.inputs) message.add_text(1, name);
  for (const std::string& name : node.outputs) message.add_text(2, name);
  message.add_text(4, node.op_type);
  for (const auto& [name, attribute] : node.attributes) message.add_message(5, written(name, attribute));
  return message;
}

Message written(const std::string& name, const Constant& constant) {
  Message message;
  for (const std::int64_t side : constant.dims) message.add_number(1, side);
  message.add_number(2, constant.dtype);
  message.add_text(8, name);
  message.add_bytes(9, constant.data);
  return message;
}

Message value(const std::string& name, const Shape& shape) {
  Message sides;
  for (const Extent& extent : shape) {
    Message side;
    if (extent.per_image) {
      side.add_text(2, "N");
    } else {
      side.add_number(1, extent.count);
    }
    sides.add_message(1, std::move(side));
  }
  Message tensor, type, message;
  tensor.add_number(1, kFloat32);
  tensor.add_message(2, std::move(sides));
  type.add_message(1, std::move(tensor));
  message.add_text(1, name);
  message.add_message(2, std::move(type));
  return message;
}

// The graph's input and outputs are those of the spec.
Message written(const Graph& graph, const ModelSpec& spec) {
  Message message;
  for (const Node& node : graph.nodes) message.add_message(1, written(node));
  message.add_text(2, kProducer);
  for (const auto& [name, constant] : graph.constants) message.add_message(5, written(name, constant));
  const auto height = static_cast<std::int64_t>(spec.input_height_px),
             width = static_cast<std::int64_t>(spec.input_width_px);
  message.add_message(11, value(kImage, {{1, true}, {1}, {height}, {width}}));
  for (const auto& [name, shape] : promised_results(spec)) message.add_message(12, value(name, shape));
  return message;
}

}  // namespace

std::size_t signature_bytes(std::string_view digits) {
  Message message;
  message.add_message(14, entry(kSignatureKey, digits));
  return message.size();
}

Message write_file(const Graph& graph, const ModelSpec& spec, std::string_view spec_json,
                   const std::optional<std::string>& signature_digits) {
  Message opset, message;
  opset.add_text(1, "");
  opset.add_number(2, kOpset);
  message.add_number(1, kIrVersion);
  message.add_text(2, kProducer);
  message.add_text(3, spec.egaze_version);
  message.add_message(7, written(graph, spec));
  message.add_message(8, std::move(opset));
  message.add_message(14, entry(kSpecKey, spec_json));
  if (signature_digits) message.add_message(14, entry(kSignatureKey, *signature_digits));
  return message;
}

}  // namespace egaze::detail::onnx
