// The graph of an ONNX file: constants, and operators in the order in which they run.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "onnx/wire.hpp"
#include "typed_graph.hpp"

namespace egaze::detail::onnx {

// The version of ONNX's standard operators that exported models use, and that of the file's format.
inline constexpr std::int64_t kOpset = 18, kIrVersion = 8;

// The names of the graph's input and outputs.
inline constexpr const char *kImage = "image", *kClassProbs = "class_probs", *kHeatmap = "heatmap",
                            *kClassHeatmaps = "class_heatmaps";

// ONNX's numbers of the types of constants: values are float32, and int64 says shapes.
inline constexpr std::int64_t kFloat32 = 1, kInt64 = 7;

using Attribute = std::variant<std::int64_t, float, std::string, Ints>;

// A tensor of the file. Its elements, little endian, are not copied.
struct Constant {
  std::int64_t dtype = kFloat32;  // kFloat32 or kInt64
  Ints dims = {};
  Bytes data = {};
};

// One operator of ONNX's standard domain, with the names of its values; "" is an optional input that is absent.
struct Node {
  std::string op_type = {};
  std::vector<std::string> inputs = {};
  std::vector<std::string> outputs = {};
  std::map<std::string, Attribute> attributes = {};
};

struct Graph {
  std::deque<std::pair<std::string, Constant>> constants = {};  // whose addresses stay
  std::vector<Node> nodes = {};                                 // each uses only values of nodes before it
};

// The names and shapes of a graph's results, in their order.
using Results = std::vector<std::pair<std::string, Shape>>;

}  // namespace egaze::detail::onnx
