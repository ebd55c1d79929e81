// The types and shapes that the check of a model file infers, against those that libtorch gives when it runs the
// program: for every operator on the list, and for programs that are put together by chance.
#include <ATen/MemoryOverlap.h>
#include <ATen/Parallel.h>
#include <gtest/gtest.h>
#include <torch/csrc/jit/runtime/interpreter.h>
#include <torch/script.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <map>
#include <numeric>
#include <random>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "../fuzz/program_grammar.hpp"
#include "operator_rules.hpp"
#include "program_parser.hpp"
#include "program_writer.hpp"

using namespace egaze::detail;

namespace {

struct Size {
  std::int64_t height, width;
};
constexpr auto kSizes = std::to_array<Size>({{8, 6}, {9, 7}, {32, 24}});
constexpr std::int64_t kMostImages = 3;
constexpr unsigned kPrograms = 300;

c10::ScalarType torch_type(DType dtype) { return dtype == DType::bfloat16 ? c10::kBFloat16 : c10::kFloat; }

void replace_all(std::string& text, std::string_view from, std::string_view to) {
  for (std::size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size()) {
    text.replace(at, from.size(), to);
  }
}

// A graph as libtorch runs it: the tensors that its nodes give, for images of a size.
class Running {
 public:
  Running(const TypedGraph& graph, const std::vector<TensorType>& constants, Size size)
      : size_(size), module_("Model") {
    for (std::size_t i = 0; i < constants.size(); ++i) {
      std::vector<std::int64_t> sizes;
      for (const Extent& extent : constants[i].shape) sizes.push_back(extent.count);
      const at::Tensor values = at::rand(sizes).to(torch_type(constants[i].dtype));
      module_.register_attribute(std::string("c") + std::to_string(i), c10::TensorType::get(), values);
    }
    std::string text = write_program(graph);
    text = text.substr(kProgramHead.size(), text.rfind("    return ") - kProgramHead.size());
    replace_all(text, "CONSTANTS.", "self.");
    source_ = "def forward(self, image):\n" + text + "    return [";
    std::size_t given = 0;
    for (const Node& node : graph.nodes) given += node.outputs.size();
    for (std::size_t i = 0; i < given; ++i) source_ += (i == 0 ? "x" : ", x") + std::to_string(i);
    source_ += "]\n";
    module_.define(source_);
  }

  const std::string& source() const { return source_; }

  at::Tensor constant(std::size_t index) const {
    return module_.attr(std::string("c") + std::to_string(index)).toTensor();
  }

  c10::List<at::Tensor> run(const at::Tensor& image) const {
    torch::jit::Stack stack = {module_._ivalue(), image};
    torch::jit::InterpreterState(torch::jit::Code(module_.get_method("forward").graph(), "program")).run(stack);
    return stack.back().toTensorList();
  }

 private:
  Size size_;
  torch::jit::Module module_;
  std::string source_;
};

// For each of a graph's regions, one that stands for all that lie in the same memory. What an operator in place gives
// lies where its first argument did.
std::vector<std::size_t> memories_of(const TypedGraph& graph) {
  std::size_t regions = 0;
  for (const Value& value : graph.values) regions = std::max(regions, value.region + 1);
  std::vector<std::size_t> memories(regions);
  std::iota(memories.begin(), memories.end(), 0);
  for (const Node& node : graph.nodes) {
    if (!node.name.ends_with('_')) continue;
    const ValueId target = std::get<Tensor>(node.arguments.front()).id;
    memories[graph.values[node.outputs.front()].region] = memories[graph.values[target].region];
  }
  return memories;
}

void expect_as_inferred(const TypedGraph& graph, const std::vector<TensorType>& constants, Size size) {
  const Running running(graph, constants, size);
  std::vector<ValueId> ids;
  for (const Node& node : graph.nodes) ids.insert(ids.end(), node.outputs.begin(), node.outputs.end());
  const std::vector<std::size_t> memories = memories_of(graph);
  for (std::int64_t images = 1; images <= kMostImages; ++images) {
    const at::Tensor image = at::rand({images, 1, size.height, size.width});
    c10::List<at::Tensor> given;
    try {
      given = running.run(image);
    } catch (const std::exception& error) {
      FAIL() << "libtorch refuses what was proved: " << error.what() << "\n" << running.source();
    }
    ASSERT_EQ(given.size(), ids.size());
    std::map<const void*, std::size_t> memory_at = {{image.storage().data(), memories[graph.values[0].region]}};
    for (const auto& [id, index] : graph.constants) {
      memory_at[running.constant(index).storage().data()] = memories[graph.values[id].region];
    }
    for (std::size_t i = 0; i < ids.size(); ++i) {
      const auto& [type, region, overlaps] = graph.values[ids[i]];
      const at::Tensor& tensor = given.get(i);
      std::vector<std::int64_t> shape;
      for (const auto& [count, per_image] : type.shape) shape.push_back(per_image ? count * images : count);
      ASSERT_EQ(tensor.scalar_type(), torch_type(type.dtype)) << "x" << i << " of\n" << running.source();
      ASSERT_EQ(tensor.sizes(), c10::IntArrayRef(shape)) << "x" << i << " of\n" << running.source();
      const auto [place, is_new] = memory_at.try_emplace(tensor.storage().data(), memories[region]);
      ASSERT_EQ(place->second, memories[region]) << "x" << i << " shares memory with other values than inferred, in\n"
                                                 << running.source();
      ASSERT_TRUE(overlaps || at::has_internal_overlap(tensor) != at::MemOverlap::Yes)
          << "x" << i << " has elements at one address, in\n"
          << running.source();
    }
  }
}

// Tensors of the archive for the calls below.
const std::vector<TensorType> kConstants = {{DType::float32, {{4}, {1}, {3}, {3}}},
                                            {DType::float32, {{4}}},
                                            {DType::float32, {{4}, {4}, {1}, {1}}},
                                            {DType::float32, {{4}, {4}, {3}}},
                                            {DType::float32, {{4}, {4}}}};

// What the calls below are given, all of the type DTYPE: maps f and g of (N, 4, HEIGHT, WIDTH) with values in (0, 1),
// rows r and s of them of (N, 4, HEIGHT * WIDTH), the means m of (N, 4) and n of (N, 4, 1, 1), t of (N, 2, HEIGHT *
// WIDTH, 2) for attention, and the constants.
constexpr std::string_view kGiven =
    "    c0 = torch.to(CONSTANTS.c0, DTYPE)\n"
    "    c1 = torch.to(CONSTANTS.c1, DTYPE)\n"
    "    c2 = torch.to(CONSTANTS.c2, DTYPE)\n"
    "    c3 = torch.to(CONSTANTS.c3, DTYPE)\n"
    "    c4 = torch.to(CONSTANTS.c4, DTYPE)\n"
    "    f = torch.to(torch.sigmoid(torch.conv2d(image, CONSTANTS.c0, None, [1, 1], [1, 1])), DTYPE)\n"
    "    g = torch.softmax(f, 1)\n"
    "    r = torch.flatten(f, 2)\n"
    "    s = torch.flatten(g, 2)\n"
    "    m = torch.mean(f, [2, 3])\n"
    "    n = torch.mean(f, [2, 3], True)\n"
    "    t = torch.permute(torch.reshape(torch.transpose(r, 1, 2), [-1, PIXELS, 2, 2]), [0, 2, 1, 3])\n";

constexpr std::string_view kAnswers =
    "    return (torch.softmax(torch.repeat(torch.mean(torch.mul(image, 1), [2, 3]), [1, 3]), 1), "
    "torch.sigmoid(image))\n";

// Every operator is here, its options too.
constexpr auto kCalls = std::to_array<std::string_view>({
    "x = torch.abs(f)",
    "x = torch.adaptive_avg_pool2d(f, [3, 2])",
    "x = torch.add(f, g)",
    "x = torch.add(f, 2, alpha=3)",
    "x = torch.add(f, torch.to(g, 15))",
    "x = torch.add(f, torch.reshape(c1, [4, 1, 1]))",
    "x = torch.addcmul(f, n, g)",
    "x = torch.addcmul(torch.reshape(c1, [4, 1, 1]), torch.reshape(c1, [4, 1, 1]), f, value=0.5)",
    "x = torch.amax(f, [1])",
    "x = torch.amin(f, [2, -1], True)",
    "x = torch.avg_pool2d(f, [3, 3], [2, 2], [1, 1], True, False)",
    "x = torch.avg_pool2d(f, [2, 3], [2, 1], [1, 0], False, True, 5)",
    "x = torch.batch_norm(f, c1, c1, c1, c1, False, 0.1, 1e-05, True)",
    "x = torch.bmm(r, torch.transpose(s, 1, 2))",
    "x = torch.cat([f, f, g], 3)",
    "x = torch.cat([n, torch.exp(n), n], 1)",
    "x = torch.clamp(f, 0.1)",
    "x = torch.clamp(f, None, 0.5)",
    "x = torch.clamp_max(f, 1)",
    "x = torch.clamp_min(f, 0.5)",
    "x = torch.clone(f)",
    "x = torch.constant_pad_nd(f, [1, 2, 0, 1, 3, 0], 0.5)",
    "x = torch.contiguous(f)",
    "x = torch.contiguous(torch.transpose(f, 1, 2))",
    "x = torch.conv1d(r, c3, c1, [2], [1], [2])",
    "x = torch.conv2d(f, c2, c1)",
    "x = torch.conv2d(f, c0, None, [2, 1], [1, 2], [2, 1], 4)",
    "x = torch.cos(f)",
    "x = torch.diagonal(torch.bmm(r, torch.transpose(s, 1, 2)), 0, 1, 2)",
    "x = torch.div(f, g)",
    "x = torch.div(f, 3)",
    "x = torch.elu(f, 0.5)",
    "x = torch.erf(f)",
    "x = torch.exp(f)",
    "x = torch.expand(n, [-1, 4, 5, 6])",
    "x = torch.expand(c1, [3, 2, 4])",
    "x = torch.expand_as(n, f)",
    "x = torch.flatten(f)",
    "x = torch.flatten(f, 1, 2)",
    "x = torch.flatten(torch.transpose(f, 1, 3), 1, 2)",
    "x = torch.gelu(f)",
    "x = torch.gelu(f, approximate=\"tanh\")",
    "x = torch.glu(f, 1)",
    "x = torch.group_norm(f, 2, c1, c1)",
    "x = torch.hardsigmoid(f)",
    "x = torch.hardswish(f)",
    "x = torch.hardtanh(f, 0., 6.)",
    "x = torch.layer_norm(torch.permute(f, [0, 2, 3, 1]), [4], c1, c1)",
    "x = torch.layer_norm(f, [4, HEIGHT, WIDTH])",
    "x = torch.leaky_relu(f, 0.2)",
    "x = torch.linalg_vector_norm(f, 2, [1], True)",
    "x = torch.linear(m, c4, c1)",
    "x = torch.linear(torch.permute(f, [0, 2, 3, 1]), c4)",
    "x = torch.log(f)",
    "x = torch.log_softmax(f, 1)",
    "x = torch.matmul(torch.transpose(f, 2, 3), g)",
    "x = torch.matmul(torch.permute(f, [0, 2, 3, 1]), c4)",
    "x = torch.max_pool2d(f, [2, 2], [2, 2], [0, 0], [2, 1])",
    "x = torch.max_pool2d(f, [3, 3], [2, 2], [1, 1], [1, 1], True)",
    "x = torch.maximum(f, g)",
    "x = torch.mean(f, [-1], True)",
    "x = torch.mean(f, [2, 3])",
    "x = torch.minimum(f, n)",
    "x = torch.mish(f)",
    "x = torch.mul(f, 0.5)",
    "x = torch.mul(f, n)",
    "x = torch.neg(f)",
    "x = torch.pad(f, [0, 2, 3, 0], \"replicate\")",
    "x = torch.pad(f, [1, 0, 2, 1])",
    "x = torch.pad(f, [1, 2, 2, 1], \"reflect\")",
    "x = torch.permute(f, [0, 3, 1, 2])",
    "x = torch.pixel_shuffle(f, 2)",
    "x = torch.pixel_unshuffle(torch.adaptive_avg_pool2d(f, [4, 6]), 2)",
    "x = torch.pow(f, 0.5)",
    "x = torch.pow(f, 2)",
    "x = torch.reciprocal(f)",
    "x = torch.relu(f)",
    "x = torch.relu6(f)",
    "x = torch.repeat(f, [1, 2, 1, 3])",
    "x = torch.reshape(f, [-1, 2, 2, HEIGHT, WIDTH])",
    "x = torch.reshape(torch.permute(f, [0, 2, 3, 1]), [-1, 4])",
    "x = torch.rsqrt(f)",
    "x = torch.rsub(f, 1)",
    "x = torch.scaled_dot_product_attention(t, t, t)",
    "x = torch.scaled_dot_product_attention(t, t, t, None, 0., True)",
    "x = torch.scaled_dot_product_attention(t, t, t, torch.matmul(t, torch.transpose(t, 2, 3)), scale=0.5)",
    "x = torch.scaled_dot_product_attention(t, torch.slice(t, 1, 0, 1), torch.slice(t, 1, 0, 1))",
    "x = torch.select(f, 1, -1)",
    "x = torch.selu(f)",
    "x = torch.sigmoid(f)",
    "x = torch.silu(f)",
    "x = torch.sin(f)",
    "x = torch.slice(f, 0, 0, 9223372036854775807)",
    "x = torch.slice(f, 2, 1, -1, 2)",
    "x = torch.softmax(f, 1)",
    "x = torch.softplus(f)",
    "x = torch.sqrt(f)",
    "x = torch.square(f)",
    "x = torch.squeeze(n, 2)",
    "x = torch.stack([f, g], 2)",
    "x = torch.sub(f, g, alpha=2)",
    "x = torch.sum(f, [1])",
    "x = torch.tanh(f)",
    "x = torch.to(f, 15)",
    "x = torch.to(f, 6)",
    "x = torch.to(f, DTYPE, False, True)",
    "x = torch.transpose(f, 1, -1)",
    "x = torch.unsqueeze(f, -2)",
    "x = torch.upsample_bicubic2d(f, [5, 11], False)",
    "x = torch.upsample_bilinear2d(f, [12, 3], True)",
    "x = torch.upsample_nearest2d(f, [16, 5])",
    "x = torch.var(f, [1], True, True)",
    "x, y, = torch.chunk(f, 3, 1)",
    "x, y, = torch.split(f, 3, 1)",
    "x, y, = torch.split_with_sizes(f, [1, 3], 1)",
    "w, x, y, z, = torch.unbind(f, 1)",
});

TypedGraph graph_of(const std::string& statement, Size size, DType dtype) {
  std::string text = std::string(kGiven) + "    " + statement + "\n" + std::string(kAnswers);
  replace_all(text, "DTYPE", dtype == DType::bfloat16 ? "15" : "6");
  replace_all(text, "HEIGHT", std::to_string(size.height));
  replace_all(text, "WIDTH", std::to_string(size.width));
  replace_all(text, "PIXELS", std::to_string(size.height * size.width));
  const egaze::ModelLimits limits;
  return parse_program(std::string(kProgramHead) + text, GraphBuilder(size.height, size.width, kConstants, limits), 3,
                       limits.nesting);
}

void count(const TypedGraph& graph, std::map<std::string, int>& calls) {
  for (const Node& node : graph.nodes) ++calls[node.name];
}

class InferredTypes : public testing::Test {
 protected:
  void SetUp() override {
    at::set_num_threads(1);
    at::manual_seed(0);
  }

  c10::InferenceMode inference_;
};

TEST_F(InferredTypes, AreThoseOfEveryOperator) {
  std::map<std::string, int> calls;
  for (const std::string_view call : kCalls) {
    const std::string name(call.substr(call.find('.') + 1, call.find('(') - call.find('.') - 1));
    std::vector<std::string> statements = {std::string(call)};
    if (find_operator(name)->rule->in_place) {
      statements.emplace_back(call);
      replace_all(statements.back(), name + "(f", name + "_(torch.clone(f)");
    }
    for (const std::string& statement : statements) {
      for (const DType dtype : {DType::float32, DType::bfloat16}) {
        for (const Size size : kSizes) {
          SCOPED_TRACE(statement);
          try {
            const TypedGraph graph = graph_of(statement, size, dtype);
            expect_as_inferred(graph, kConstants, size);
            count(graph, calls);
          } catch (const std::exception& error) {
            ADD_FAILURE() << error.what();
          }
        }
      }
    }
  }
  for (const std::string& name : fuzz::operator_names()) EXPECT_GT(calls[name], 0) << name << " has no call";
}

TEST_F(InferredTypes, AreThoseOfGeneratedPrograms) {
  std::map<std::string, int> calls;
  for (unsigned seed = 0; seed < kPrograms; ++seed) {
    const Size size = kSizes[seed % kSizes.size()];
    std::mt19937 random(seed);
    std::vector<std::uint8_t> data(std::size_t{1} << 14);
    std::ranges::generate(data, [&random] { return static_cast<std::uint8_t>(random()); });
    fuzz::Bytes bytes(data.data(), data.size());
    fuzz::ProgramGrammar grammar(bytes, size.height, size.width);
    // Each operator in turn, so that those that seldom fit come as well.
    const std::string& wanted = fuzz::operator_names()[seed % fuzz::operator_names().size()];
    for (int tries = 0; tries < 60 && !grammar.attempt(wanted); ++tries) continue;
    const TypedGraph graph = grammar.graph(12);
    SCOPED_TRACE("seed " + std::to_string(seed));
    expect_as_inferred(graph, fuzz::constants_for(size.height, size.width), size);
    count(graph, calls);
  }
  EXPECT_GE(calls.size(), 90u) << "of " << fuzz::operator_names().size();
}

}  // namespace
