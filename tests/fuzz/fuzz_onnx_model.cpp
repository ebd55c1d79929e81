// Checking any ONNX file succeeds or throws an Error with a code for models and a message of one printable line.
//
// Random bytes fail the check of the digest. The first byte therefore chooses what the others are: the whole file, its
// graph, or an operator and a constant of the graph, in a file with the right digest.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "../cpp/tiny_onnx.hpp"
#include "egaze/error.hpp"
#include "onnx/wire.hpp"
#include "onnx_model.hpp"

namespace {

using namespace egaze;
using detail::onnx::Bytes;
using detail::onnx::Message;

// A file whose graph is given as bytes.
std::vector<unsigned char> file_with(Bytes graph) {
  Message opset, entry, file;
  opset.add_text(1, "");
  opset.add_number(2, detail::onnx::kOpset);
  entry.add_text(1, "egaze_spec");
  entry.add_text(2, tiny_onnx::kSpec);
  file.add_number(1, detail::onnx::kIrVersion);
  file.add_text(2, "egaze");
  file.add_text(3, "0.1.0");
  file.add_bytes(7, graph);
  file.add_message(8, std::move(opset));
  file.add_message(14, std::move(entry));
  return tiny_onnx::sealed(file.bytes());
}

// The tiny graph's bytes, between which an operator and a constant are given.
std::vector<unsigned char> graph_with(Bytes node, Bytes constant) {
  Message graph;
  graph.add_bytes(1, node);
  for (const std::string_view name : {"Abs", "Neg"}) {
    Message each;
    each.add_text(1, "placed");
    each.add_text(2, name == "Abs" ? "class_probs" : "heatmap");
    each.add_text(4, name);
    graph.add_message(1, std::move(each));
  }
  graph.add_text(2, "egaze");
  graph.add_bytes(5, constant);
  return graph.bytes();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const Bytes content(data + 2, size - 2);
  const std::size_t cut = data[1] * content.size() / 255;
  try {
    switch (data[0] % 3) {
      case 0: detail::check_onnx_model("m.onnx", {content.begin(), content.end()}); break;
      case 1: detail::check_onnx_model("m.onnx", file_with(content)); break;
      default: detail::check_onnx_model("m.onnx", file_with(graph_with(content.first(cut), content.subspan(cut))));
    }
  } catch (const Error& error) {
    const std::string_view said = error.what();
    if (error.code() < ErrorCode::model_truncated) std::abort();
    if (std::ranges::any_of(said, [](char c) { return (c >= 0 && c < ' ') || c == 0x7F; })) std::abort();
  }
  return 0;
}
