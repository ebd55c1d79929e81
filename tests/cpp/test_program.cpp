#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "expect_throws.hpp"
#include "operator_rules.hpp"
#include "program_parser.hpp"
#include "program_writer.hpp"

using namespace egaze;
using namespace egaze::detail;

namespace {

const std::vector<TensorType> kConstants = {
    {DType::float32, {{4}, {1}, {3}, {3}}},   // c0: a convolution's weights
    {DType::float32, {{4}}},                  // c1: its bias
    {DType::float32, {{3}, {4}}},             // c2: a classifier's weights
    {DType::float64, {}},                     // c3
    {DType::float32, {{0}}},                  // c4
    {DType::int64, {{4}}},                    // c5
    {DType::bfloat16, {{4}, {1}, {3}, {3}}},  // c6
    {DType::float32, {{1}}}                   // c7
};

// A valid program with further statements before its last one, and the results that it returns.
std::string program(const std::string& statements, const std::string& probs = "p", const std::string& heatmap = "h") {
  return std::string(kProgramHead) +
         "    f = torch.relu(torch.conv2d(image, CONSTANTS.c0, CONSTANTS.c1, [1, 1], [1, 1]))\n"
         "    p = torch.softmax(torch.linear(torch.mean(f, [2, 3]), CONSTANTS.c2), 1)\n"
         "    h = torch.sigmoid(torch.mean(f, [1], True))\n" +
         statements + "    return (" + probs + ", " + heatmap + ")\n";
}

TypedGraph graph_of(const std::string& text, const ModelLimits& limits = {}) {
  return parse_program(text, GraphBuilder(8, 6, kConstants, limits), 3, limits.nesting);
}

// The type of x after `x = VALUE`.
std::string type_of(const std::string& value) {
  const TypedGraph graph = graph_of(program("    x = " + value + "\n    y = torch.add(x, 0)\n"));
  return text_of(graph.values.back().type);
}

void expect_refused(const std::string& value, const char* why) {
  EXPECT_THROWS(ProgramError, why, graph_of(program("    x = " + value + "\n"))) << value;
}

}  // namespace

TEST(Program, IsWrittenFromItsGraph) {
  const std::string written = write_program(graph_of(program("")));
  EXPECT_EQ(written.substr(kProgramHead.size()),
            "    x0 = torch.conv2d(image, CONSTANTS.c0, CONSTANTS.c1, [1, 1], [1, 1])\n"
            "    x1 = torch.relu(x0)\n"
            "    x2 = torch.mean(x1, [2, 3])\n"
            "    x3 = torch.linear(x2, CONSTANTS.c2)\n"
            "    x4 = torch.softmax(x3, 1)\n"
            "    x5 = torch.mean(x1, [1], True)\n"
            "    x6 = torch.sigmoid(x5)\n"
            "    return (x4, x6)\n");
  // The written program has the same graph.
  const TypedGraph again = graph_of(written);
  EXPECT_EQ(write_program(again), written);
  EXPECT_EQ(again.nodes.size(), 7);

  const std::string all = program(
      "    a, b, = torch.chunk(f, 2, 1)\n"
      "    c = torch.add(torch.cat([a, b], 1), f, alpha=2)\n"
      "    d = torch.gelu(torch.mul(c, -1.5e-07), approximate=\"tanh\")\n"
      "    e = torch.clamp(torch.slice(d, 3, None, -1), None, 6.)\n");
  EXPECT_EQ(write_program(graph_of(write_program(graph_of(all)))), write_program(graph_of(all)));
}

TEST(Program, ClassHeatmapsAreAThirdResult) {
  const auto with = [](const std::string& third) {
    const std::string text = program("    m = torch.sigmoid(torch.slice(f, 1, 0, 3))\n    n = torch.relu(m)\n", "p",
                                     "h" + (third.empty() ? "" : ", " + third));
    return std::string(kProgramHeadWithClassHeatmaps) + text.substr(kProgramHead.size());
  };
  const auto graph = [](const std::string& text) {
    return parse_program(text, GraphBuilder(8, 6, kConstants, {}), 3, ModelLimits{}.nesting, true);
  };
  const TypedGraph found = graph(with("m"));
  ASSERT_TRUE(found.class_heatmaps);
  EXPECT_EQ(text_of(found.values[*found.class_heatmaps].type), "float32 (N, 3, 8, 6)");
  const std::string written = write_program(found);
  EXPECT_TRUE(written.starts_with(kProgramHeadWithClassHeatmaps));
  EXPECT_EQ(write_program(graph(written)), written);

  EXPECT_THROWS(ProgramError,
                "returns class_heatmaps of type float32 (N, 4, 8, 6), but its spec promises float32 (N, 3",
                graph(with("f")));
  EXPECT_THROWS(ProgramError, "returns class_heatmaps that is not a tensor", graph(with("1")));
  EXPECT_THROWS(ProgramError, "returns a constant as class_heatmaps", graph(with("CONSTANTS.c0")));
  EXPECT_THROWS(ProgramError, "syntax", graph(with("")));
  EXPECT_THROWS(ProgramError, "syntax", graph(with("m, n")));
  // What a program returns and what its spec promises are the same.
  EXPECT_THROWS(ProgramError, "(Tensor, Tensor, Tensor)", graph(program("")));
  EXPECT_THROWS(ProgramError, "forward(image: Tensor) -> (Tensor, Tensor)", graph_of(with("m")));
}

TEST(Program, TypesAndShapesAreInferred) {
  EXPECT_EQ(type_of("f"), "float32 (N, 4, 8, 6)");
  EXPECT_EQ(type_of("torch.conv2d(image, CONSTANTS.c0, None, [2, 3], [1, 0], [1, 2])"), "float32 (N, 4, 4, 1)");
  EXPECT_EQ(type_of("torch.max_pool2d(f, [3, 3], [2, 2], [1, 1], [1, 1], True)"), "float32 (N, 4, 5, 4)");
  EXPECT_EQ(type_of("torch.avg_pool2d(f, [2, 2], [2, 2])"), "float32 (N, 4, 4, 3)");
  EXPECT_EQ(type_of("torch.pad(f, [1, 2, 3, 4])"), "float32 (N, 4, 15, 9)");
  EXPECT_EQ(type_of("torch.upsample_nearest2d(f, [16, 12])"), "float32 (N, 4, 16, 12)");
  EXPECT_EQ(type_of("torch.reshape(f, [-1, 2, 2, 8, 6])"), "float32 (N, 2, 2, 8, 6)");
  EXPECT_EQ(type_of("torch.reshape(f, [-1, 48])"), "float32 (4 N, 48)");
  EXPECT_EQ(type_of("torch.reshape(torch.reshape(f, [-1, 8, 6]), [-1, 4, 48])"), "float32 (N, 4, 48)");
  EXPECT_EQ(type_of("torch.flatten(f, 2)"), "float32 (N, 4, 48)");
  EXPECT_EQ(type_of("torch.permute(f, [0, 2, 3, 1])"), "float32 (N, 8, 6, 4)");
  EXPECT_EQ(type_of("torch.matmul(f, torch.transpose(f, 2, 3))"), "float32 (N, 4, 8, 8)");
  EXPECT_EQ(type_of("torch.mul(f, torch.mean(f, [2, 3], True))"), "float32 (N, 4, 8, 6)");
  EXPECT_EQ(type_of("torch.stack([f, f], 1)"), "float32 (N, 2, 4, 8, 6)");
  EXPECT_EQ(type_of("torch.to(f, 15)"), "bfloat16 (N, 4, 8, 6)");
  EXPECT_EQ(type_of("torch.add(torch.to(f, 15), f)"), "float32 (N, 4, 8, 6)");
  EXPECT_EQ(type_of("torch.slice(torch.slice(f, 0, 0, 9223372036854775807), 2, 1, -1)"), "float32 (N, 4, 6, 6)");
}

TEST(Program, InvalidArgumentsAreRefused) {
  expect_refused("torch.conv2d(f, CONSTANTS.c0)", "another number of channels than its weights have");
  expect_refused("torch.conv2d(image, CONSTANTS.c6)", "different types");
  expect_refused("torch.conv2d(image, CONSTANTS.c0, CONSTANTS.c2)", "a bias of another length");
  expect_refused("torch.conv2d(image, CONSTANTS.c0, None, [0, 1])", "a stride, padding or dilation out of range");
  expect_refused("torch.conv2d(image, CONSTANTS.c0, None, [1, 1], [1000000000, 1])", "out of range");
  expect_refused("torch.conv2d(image, CONSTANTS.c0, None, [1])", "another number of strides");
  expect_refused("torch.add(f, p)", "shapes do not match");
  expect_refused("torch.add(f, CONSTANTS.c5)", "computes in int64");
  expect_refused("torch.add(f, CONSTANTS.c4)", "without elements");
  expect_refused("torch.add(f, CONSTANTS.c99)", "does not contain");
  expect_refused("torch.to(f, 128)", "neither float32 nor bfloat16");
  expect_refused("torch.to(f, 7)", "neither float32 nor bfloat16");
  expect_refused("torch.select(f, 1, 4)", "an index that the tensor does not have");
  expect_refused("torch.mean(f, [4])", "names a dimension");
  expect_refused("torch.mean(f, [])", "an empty list");
  expect_refused("torch.repeat(f, [1, 1, 2000000000, 2000000000])", "a size that is not allowed");
  expect_refused("torch.avg_pool2d(f, [0, 1], [1, 1])", "a window, stride or padding out of range");
  expect_refused("torch.relu(1)", "of the wrong kind");
  expect_refused("torch.relu(f, f)", "does not have");
  expect_refused("torch.relu()", "lacks the argument 'self'");
  expect_refused("torch.size(f, 0)", "uses 'torch.size'");
  expect_refused("torch.full([10], 1.)", "uses 'torch.full'");
  expect_refused("torch.cat([f, 1], 1)", "integers and tensors");
  expect_refused("torch.cat([[1], [2]], 1)", "neither integers nor tensors");
  expect_refused("torch.layer_norm(f, [8, 6], CONSTANTS.c1)", "another number of channels");
}

TEST(Program, NothingIsComputedAcrossImages) {
  expect_refused("torch.mean(f, [0])", "across images");
  expect_refused("torch.softmax(f, 0)", "across images");
  expect_refused("torch.cat([f, f], 0)", "across images");
  expect_refused("torch.select(f, 0, 0)", "across images");
  expect_refused("torch.slice(f, 0, 0, 1)", "across images");
  expect_refused("torch.reshape(f, [4, -1, 8, 6])", "mixes elements of several images");
  expect_refused("torch.flatten(torch.transpose(f, 0, 1), 0, 1)", "mixes elements of several images");
  expect_refused("torch.reshape(f, [1, 4, 8, 6])", "fixes the number of images");
  expect_refused("torch.reshape(f, [4, 8, 6])", "fixes the number of images");
  expect_refused("torch.matmul(torch.transpose(f, 0, 3), torch.transpose(f, 0, 2))", "");
  expect_refused("torch.layer_norm(torch.transpose(f, 0, 3), [4])", "across images");
  expect_refused("torch.add(f, torch.transpose(f, 0, 1))", "shapes do not match");
}

TEST(Program, ChangesInPlaceThatCouldBeSeenLaterAreRefused) {
  const auto refused = [](const std::string& statements, const char* why) {
    EXPECT_THROWS(ProgramError, why, graph_of(program(statements))) << statements;
  };
  refused("    x = torch.relu_(image)\n", "a constant or the image in place");
  refused("    x = torch.mul_(CONSTANTS.c1, 0)\n", "a constant or the image in place");
  refused("    x = torch.mul_(torch.reshape(CONSTANTS.c1, [2, 2]), 0)\n", "a constant or the image in place");
  refused("    x = torch.relu_(f)\n    y = torch.add(x, f)\n", "reads a tensor after its memory was changed");
  refused("    v = torch.select(f, 1, 0)\n    x = torch.relu_(f)\n    y = torch.add(x, v)\n",
          "reads a tensor after its memory was changed");
  refused("    x = torch.add_(f, torch.transpose(f, 2, 2))\n", "that it also reads");
  refused("    x = torch.relu_(torch.expand(torch.mean(f, [2, 3], True), [-1, 4, 8, 6]))\n", "cannot hold the result");
  refused("    x = torch.add_(torch.mean(f, [2, 3], True), f)\n", "cannot hold the result");
  refused("    x = torch.conv2d_(image, CONSTANTS.c0)\n", "uses 'torch.conv2d_'");
  // p and h were computed before the change.
  EXPECT_NO_THROW(graph_of(program("    x = torch.relu_(f)\n    y = torch.relu_(x)\n")));
  EXPECT_THROWS(ProgramError, "reads a tensor after its memory was changed",
                graph_of(program("    x = torch.relu_(p)\n")));
}

TEST(Program, ResultsHaveTheTypesThatTheSpecPromises) {
  EXPECT_THROWS(ProgramError, "class_probs of type float32 (N, 1, 8, 6), but its spec promises float32 (N, 3)",
                graph_of(program("", "h")));
  EXPECT_THROWS(ProgramError, "promises float32 (N, 1, 8, 6)", graph_of(program("", "p", "torch.to(h, 15)")));
  EXPECT_THROWS(ProgramError, "not a tensor", graph_of(program("", "1")));
  EXPECT_THROWS(ProgramError, "returns a constant as heatmap",
                graph_of(program("", "p", "torch.expand_as(CONSTANTS.c7, image)")));
}

TEST(Program, ExceedsNoLimit) {
  std::string deep;
  for (int i = 0; i < 100'000; ++i) deep += "torch.relu(";
  EXPECT_THROWS(ProgramError, "nests calls deeper than the limit nesting=64",
                graph_of(program("    x = " + deep + "\n")));
  EXPECT_THROWS(ProgramError, "nests calls deeper than the limit nesting=64",
                graph_of(program("    x = " + std::string(100'000, '[') + "\n")));
  std::string many;
  for (int i = 0; i < 100; ++i) many += "    y" + std::to_string(i) + " = torch.relu(f)\n";
  EXPECT_THROWS(ProgramError, "more operators than the limit nodes=100", graph_of(program(many), {.nodes = 100}));
  EXPECT_THROWS(ProgramError, "the limit multiplications=10000", graph_of(program(many), {.multiplications = 10'000}));
  EXPECT_THROWS(ProgramError, "more than the limit bytes_at_work=1000",
                graph_of(program(many), {.bytes_at_work = 1000}));
  // Only f (4, 8, 6) and the result of the current operator are counted; others have been freed.
  EXPECT_LT(graph_of(program(many)).bytes_at_work, 4 * 4 * 8 * 6 * 4);
}

TEST(Program, MemoryThatAnOperatorMayNeedWhileItComputesCounts) {
  const auto bytes_at_work = [](const std::string& value) {
    return graph_of(program("    x = " + value + "\n")).bytes_at_work;
  };
  // An expanded tensor shares its memory, but some operators copy it.
  EXPECT_GE(bytes_at_work("torch.amax(torch.expand(image, [-1, 1000, -1, -1]), [1])"), 4 * 1000 * 8 * 6);
  EXPECT_GE(bytes_at_work("torch.amax(torch.expand_as(CONSTANTS.c7, torch.repeat(image, [1, 99, 1, 1])), [1])"),
            2 * 4 * 99 * 8 * 6);
  EXPECT_GE(bytes_at_work("torch.conv2d(torch.upsample_nearest2d(image, [102, 102]), CONSTANTS.c0)"),
            4 * (102 * 102 + 4 * 100 * 100 + 9 * 100 * 100));
  EXPECT_GE(bytes_at_work("torch.max_pool2d(torch.upsample_nearest2d(image, [102, 102]), [3, 3], [1, 1])"),
            4 * (102 * 102 + 100 * 100) + 8 * 100 * 100);
  const std::string stacks = "torch.repeat(torch.unsqueeze(image, 1), [1, 50, 1, 1, 1])";  // (N, 50, 1, 8, 6)
  EXPECT_GE(bytes_at_work("torch.matmul(torch.repeat(" + stacks + ", [1, 1, 50, 1, 1]), torch.transpose(" + stacks +
                          ", 3, 4))"),
            2 * 4 * 50 * 50 * 8 * 6);
  const std::string tokens = "torch.reshape(torch.upsample_nearest2d(image, [100, 10]), [-1, 1, 1000, 1])";
  EXPECT_GE(bytes_at_work("torch.scaled_dot_product_attention(" + tokens + ", " + tokens + ", " + tokens + ")"),
            2 * 4 * 1000 * 1000);
}

TEST(Program, ARefusedOperatorDoesNotCount) {
  const ModelLimits limits{.nodes = 2, .multiplications = 10'000};
  GraphBuilder builder(8, 6, kConstants, limits);
  const Argument image = GraphBuilder::image();
  EXPECT_THROWS(ProgramError, "multiplications", builder.call("repeat", {{"", image}, {"", Ints{1, 1000, 1, 1}}}));
  EXPECT_THROWS(ProgramError, "operators", builder.call("unbind", {{"", image}, {"", std::int64_t{2}}}));
  EXPECT_NO_THROW(builder.call("relu", {{"", image}}));
}

TEST(Program, OperatorsAreListed) {
  const std::vector<std::string> names = allowed_operators();
  EXPECT_TRUE(std::ranges::is_sorted(names));
  EXPECT_TRUE(std::ranges::adjacent_find(names) == names.end());
  for (const char* name : {"aten::conv2d", "aten::relu_", "prim::Constant"}) {
    EXPECT_TRUE(std::ranges::binary_search(names, name)) << name;
  }
  for (const char* name : {"aten::save", "aten::from_file", "aten::conv2d_", "prim::If", "prim::Loop", "aten::size"}) {
    EXPECT_FALSE(std::ranges::binary_search(names, name)) << name;
  }
}
