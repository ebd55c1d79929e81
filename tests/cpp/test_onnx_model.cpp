// What tests/deploy/test_hostile_onnx.py cannot reach from Python: the encoding, and numbers at their limits.
#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "egaze/error.hpp"
#include "onnx/node_rules.hpp"
#include "onnx/wire.hpp"
#include "onnx_model.hpp"
#include "tiny_onnx.hpp"

namespace egaze {
namespace {

using detail::onnx::Message;
using detail::onnx::Node;

constexpr std::int64_t kLargest = std::numeric_limits<std::int64_t>::max();

// The code and the words with which a file is refused; "ok" if it is not.
std::string verdict(const std::vector<unsigned char>& file, const ModelLimits& limits = {}) {
  try {
    detail::check_onnx_model("m.onnx", file, limits);
    return "ok";
  } catch (const Error& error) {
    return std::string(error_name(error.code())) + ": " + error.what();
  }
}

std::string verdict(const detail::onnx::Graph& graph, const ModelLimits& limits = {}) {
  return verdict(tiny_onnx::file_of(graph), limits);
}

// The model with an operator between the image and its program.
std::string verdict_with(Node node, const std::vector<std::int64_t>& integers) {
  std::vector<unsigned char> data;
  for (const std::int64_t integer : integers) {
    for (int i = 0; i < 8; ++i)
      data.push_back(static_cast<unsigned char>(static_cast<std::uint64_t>(integer) >> 8 * i));
  }
  detail::onnx::Graph graph = tiny_onnx::graph();
  if (!integers.empty()) {
    graph.constants.emplace_back("given", detail::onnx::Constant{detail::onnx::kInt64, {std::ssize(integers)}, data});
    node.inputs.emplace_back("given");
  }
  for (Node& each : graph.nodes) each.inputs[0] = "placed";
  node.outputs = {"placed"};
  graph.nodes.insert(graph.nodes.begin(), std::move(node));
  return verdict(graph);
}

TEST(OnnxModel, IsProvedWithItsCosts) {
  const auto archive = detail::check_onnx_model("m.onnx", tiny_onnx::file_of(tiny_onnx::graph()));
  EXPECT_EQ(archive.spec.class_names, std::vector<std::string>{"a"});
  EXPECT_EQ(archive.proof.nodes, 2);
  EXPECT_EQ(archive.proof.multiplications, 24 + 1 + 24);
  EXPECT_EQ(archive.proof.bytes_at_work, 4 * (24 + 1 + 24));
  EXPECT_FALSE(archive.signature);
}

TEST(OnnxModel, MustHaveTheBytesThatAreWritten) {
  const std::vector<unsigned char> good = tiny_onnx::file_of(tiny_onnx::graph());
  for (std::size_t at = 0; at < good.size(); ++at) {
    std::vector<unsigned char> other = good;
    other[at] ^= 1;
    EXPECT_NE(verdict(other), "ok") << at;
    EXPECT_NE(verdict({good.begin(), good.begin() + static_cast<std::ptrdiff_t>(at)}), "ok") << at;
  }
  std::vector<unsigned char> longer = good;
  longer.insert(longer.end(), {0x08, 0x08});
  EXPECT_NE(verdict(longer), "ok");
}

TEST(OnnxModel, IsRefusedByItsOwnLimits) {
  EXPECT_EQ(verdict(tiny_onnx::graph(), {.nodes = 1}),
            "model_operator: m.onnx: its program has more operators than the limit nodes=1");
  EXPECT_EQ(verdict(tiny_onnx::graph(), {.bytes_at_work = 195}),
            "model_operator: m.onnx: its program needs 196 bytes of memory for one image, more than the limit "
            "bytes_at_work=195");
  EXPECT_NE(verdict(tiny_onnx::graph(), {.multiplications = 48}).find("the limit multiplications=48"),
            std::string::npos);
  EXPECT_EQ(verdict(tiny_onnx::graph(), {.nodes = 0}),
            "invalid_argument: the limit nodes must be from 1 to 1000000, got 0");
}

TEST(OnnxModel, NumbersAtTheirLimitsOverflowNowhere) {
  for (const std::int64_t number : {kLargest, std::numeric_limits<std::int64_t>::min(), std::int64_t{1} << 62}) {
    for (const char* name : {"Tile", "Expand", "Reshape"}) {
      EXPECT_NE(verdict_with({name, {"image"}}, {1, 1, number, number}), "ok") << name;
    }
    EXPECT_NE(verdict_with({"Split", {"image"}, {}, {{"axis", std::int64_t{2}}}}, {number, number, 4}), "ok");
    EXPECT_NE(verdict_with({"Pad", {"image"}}, {0, 0, number, number, 0, 0, number, number}), "ok");
    for (const char* name : {"Softmax", "LogSoftmax"}) {
      EXPECT_NE(verdict_with({name, {"image"}, {}, {{"axis", number}}}, {}), "ok");
    }
    for (const char* name : {"strides", "pads", "dilations", "kernel_shape"}) {
      std::map<std::string, detail::onnx::Attribute> attributes = {{"kernel_shape", detail::Ints{2, 2}}};
      attributes[name] = detail::Ints(name == std::string("pads") ? 4 : 2, number);
      EXPECT_NE(verdict_with({"MaxPool", {"image"}, {}, attributes}, {}), "ok") << name;
    }
    EXPECT_NE(verdict_with({"DepthToSpace", {"image"}, {}, {{"blocksize", number}, {"mode", "CRD"}}}, {}), "ok");
  }
  EXPECT_EQ(detail::onnx::times(kLargest, 2), kLargest);
  EXPECT_EQ(detail::onnx::times(kLargest, 0), 0);
  EXPECT_EQ(detail::onnx::plus(kLargest, 1), kLargest);
  EXPECT_EQ(detail::onnx::times(std::int64_t{1} << 31, std::int64_t{1} << 31), std::int64_t{1} << 62);
}

TEST(OnnxWire, ReadsWhatItWrites) {
  Message inner, message;
  inner.add_text(1, "text");
  message.add_number(1, -1);
  message.add_float(2, 1.5f);
  message.add_message(300, std::move(inner));
  const std::vector<unsigned char> bytes = message.bytes();
  EXPECT_EQ(message.size(), bytes.size());
  EXPECT_EQ(message.begins(bytes), bytes.size());
  detail::onnx::FieldReader reader(bytes);
  const auto next = [&reader] { return reader.next().value(); };
  EXPECT_EQ(next().value, ~std::uint64_t{0});
  EXPECT_EQ(detail::onnx::float_of(next().content), 1.5f);
  const auto field = next();
  EXPECT_EQ(field.number, 300u);
  EXPECT_EQ(field.content.size(), 6u);
  EXPECT_FALSE(reader.next());
}

TEST(OnnxFiles, AreKnownByTheirSuffix) {
  EXPECT_TRUE(detail::is_onnx("a/model.onnx") && detail::is_onnx("MODEL.ONNX"));
  EXPECT_FALSE(detail::is_onnx("model.pt") || detail::is_onnx("onnx") || detail::is_onnx("model.onnx/x"));
}

}  // namespace
}  // namespace egaze
