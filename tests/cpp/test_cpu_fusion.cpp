// How programs are rewritten for the CPU and for bfloat16. That predictions stay the same is also tested from Python
// (tests/deploy/test_parity.py) and with generated programs (test_generated_programs.cpp).
#include "cpu_fusion.hpp"

#include <gtest/gtest.h>
#include <torch/script.h>

#include <cstdint>
#include <exception>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "convolution.hpp"
#include "kernels/convolution.hpp"
#include "precision.hpp"

using namespace egaze;

namespace {

torch::jit::Module frozen(const std::string& between) {
  torch::manual_seed(0);
  torch::jit::Module module("Model");
  module.register_parameter("first", torch::randn({8, 1, 3, 3}), false);
  module.register_parameter("depthwise", torch::randn({8, 1, 3, 3}), false);
  module.register_parameter("squeeze", torch::randn({2, 8, 1, 1}), false);
  module.register_parameter("excite", torch::randn({8, 2, 1, 1}), false);
  module.register_parameter("project", torch::randn({1, 8, 1, 1}), false);
  module.define(R"(
    def forward(self, image):
        x = torch.silu(torch.conv2d(image - 0.5, self.first, None, [1, 1], [1, 1]))
        x = torch.silu(torch.conv2d(x, self.depthwise, None, [1, 1], [1, 1], [1, 1], 8))
        means = torch.mean(x, [2, 3], True)
        hidden = torch.silu(torch.conv2d(means, self.squeeze))
        x = x * torch.sigmoid(torch.conv2d(hidden, self.excite)))" +
                between + R"(
        heatmap = torch.sigmoid(torch.conv2d(x, self.project))
        return torch.softmax(torch.flatten(torch.mean(heatmap, [2, 3]), 1), 1), heatmap
  )");
  module.eval();
  return torch::jit::freeze(module);
}

std::map<std::string, int> steps(const torch::jit::Module& module) {
  std::map<std::string, int> counts;
  for (const torch::jit::Node* node : module.get_method("forward").graph()->nodes()) {
    ++counts[node->kind().toQualString()];
  }
  return counts;
}

ModelSpec spec() {
  ModelSpec spec;
  spec.input_height_px = 12;
  spec.input_width_px = 10;
  return spec;
}

TEST(CpuFusion, ReplacesSqueezeAndExcitationByOneOperator) {
  torch::jit::Module module = frozen("");
  ASSERT_EQ(steps(module)["aten::conv2d"], 5);
  egaze::detail::fuse_for_cpu(module, spec());
  const auto counts = steps(module);
  EXPECT_EQ(counts.count("aten::conv2d"), egaze::detail::has_fused_operators() ? 0u : 1u);
  if (!egaze::detail::has_fused_operators()) GTEST_SKIP() << "this libtorch has no oneDNN";
  EXPECT_EQ(counts.at("egaze::depthwise"), 1);
  EXPECT_EQ(counts.at(egaze::detail::convolves_fast(false) ? "egaze::convolution" : "mkldnn::_convolution_pointwise"),
            2);
  EXPECT_EQ(counts.count("aten::mul") + counts.count("aten::silu"), 0u);
}

TEST(CpuFusion, KeepsFeaturesThatHaveOtherUses) {
  if (!egaze::detail::has_fused_operators()) GTEST_SKIP() << "this libtorch has no oneDNN";
  torch::jit::Module module = frozen("\n        x = x + means");
  egaze::detail::fuse_for_cpu(module, spec());
  auto counts = steps(module);
  EXPECT_EQ(counts["egaze::depthwise"], 1);  // only the convolution and its activation
  EXPECT_EQ(counts["aten::mul"] + counts["aten::mul_"], 1);
  EXPECT_EQ(counts["aten::mm"], 2);
}

TEST(CpuFusion, KeepsTheImageAndDepthwiseConvolutionsInFloat32) {
  if (!egaze::detail::has_fused_operators() || !egaze::detail::fused_operators_take_bf16())
    GTEST_SKIP() << "no bfloat16 here";
  torch::jit::Module module = frozen("");
  egaze::detail::set_precision(module, "fp32", Precision::bf16);
  // Before and after the depthwise convolution, and after the first one.
  EXPECT_EQ(steps(module)["aten::to"], 3);
  int of_float = 0, of_bf16 = 0;
  for (const torch::jit::Node* node : module.get_method("forward").graph()->nodes()) {
    if (!egaze::detail::is_tensor_constant(node)) continue;
    ++(node->t(c10::attr::value).scalar_type() == c10::kFloat ? of_float : of_bf16);
  }
  EXPECT_EQ(of_float, 4);
  EXPECT_EQ(of_bf16, 1);
  torch::jit::Module back = module.copy();
  egaze::detail::fuse_for_cpu(module, spec());
  EXPECT_EQ(steps(module)["egaze::depthwise"], 1);
  EXPECT_EQ(steps(module)["aten::to"], 1);  // the operator reads and writes bfloat16

  const at::Tensor image = torch::rand({1, 1, 12, 10});
  const auto answer = [&image](torch::jit::Module& of) {
    const c10::InferenceMode inference;
    return of.forward({image}).toTupleRef().elements()[1].toTensor();
  };
  torch::jit::Module exact = frozen("");
  EXPECT_LT((answer(module) - answer(exact)).abs().max().item<float>(), 0.05f);
  egaze::detail::set_precision(back, "bf16", Precision::fp32);
  EXPECT_GT(steps(back)["aten::to"], 0);
  EXPECT_LT((answer(back) - answer(exact)).abs().max().item<float>(), 0.05f);
}

// Programs for which a rewriting that relied on an unverified assumption would be wrong.
struct Lookalike {
  const char* trap;
  const char* lines;
};

const Lookalike kLookalikes[] = {
    {"a sum in place changes a value that is used later", R"(
        y = torch.conv2d(x, self.square, None, [1, 1], [1, 1])
        z = torch.add_(x, y)
        x = x + z)"},
    {"a sum in place changes a value that has a view", R"(
        view = torch.slice(x, 1, 0, 4)
        x = torch.add_(x, torch.conv2d(x, self.square, None, [1, 1], [1, 1]))
        x = x + torch.mean(view))"},
    {"the operand of a padding changes before the convolution", R"(
        y = torch.pad(x, [0, 1, 0, 1], "constant", None)
        x = torch.mul_(x, 0.5)
        y = torch.conv2d(y, self.square, None, [2, 2])
        x = x + torch.mean(y))"},
    {"the operand of a padding changes before the depthwise convolution", R"(
        y = torch.pad(x, [0, 1, 0, 1], "constant", None)
        x = torch.mul_(x, 0.5)
        y = torch.conv2d(y, self.depthwise, None, [2, 2], [0, 0], [1, 1], 8)
        x = x + torch.mean(y))"},
    {"a padding depends on the image's content", R"(
        n = int(torch.gt(torch.sum(image), 0.))
        y = torch.pad(x, [n, n, n, n], "constant", None)
        x = x + torch.mean(torch.conv2d(y, self.square)))"},
    {"a loop depends on the image's content", R"(
        for i in range(int(torch.gt(torch.sum(image), 0.))):
            x = torch.pad(x, [0, 2, 0, 2], "constant", None)
        x = torch.conv2d(torch.slice(x, 2, 0, 12), self.square, None, [1, 1], [1, 1])
        x = torch.slice(x, 3, 0, 10))"},
    {"a single pixel is padded", R"(
        y = torch.pad(torch.mean(x, [2, 3], True), [0, 1, 0, 1], "constant", None)
        x = x + torch.sum(torch.conv2d(y, self.point)))"},
    {"the features change after their mean was computed", R"(
        means = torch.mean(x, [2, 3], True)
        y = torch.mul_(x, 3.0)
        x = y + torch.conv2d(means, self.point))"},
    {"the gate has one channel", R"(
        y = torch.relu(torch.conv2d(x, self.depthwise, None, [1, 1], [1, 1], [1, 1], 8))
        hidden = torch.relu(torch.conv2d(torch.mean(y, [2, 3], True), self.squeeze))
        x = torch.mul(y, torch.sigmoid(torch.conv2d(hidden, self.one))))"},
    {"the gate has more channels than the features", R"(
        y = torch.conv2d(x, self.project)
        hidden = torch.relu(torch.conv2d(torch.mean(x, [2, 3], True), self.squeeze))
        x = torch.mul(y, torch.sigmoid(torch.conv2d(hidden, self.excite))))"},
    {"a product's input comes from a slice", R"(
        rows = torch.mean(x, [2, 3])
        y = torch.sigmoid(torch.unsqueeze(torch.unsqueeze(torch.slice(rows, 0, 0, 1), 2), 3))
        x = x + torch.conv2d(y, self.point) + torch.mean(rows))"},
    {"a loop applies the activation again", R"(
        y = torch.conv2d(x, self.square, None, [1, 1], [1, 1])
        for i in range(3):
            x = x + torch.silu_(y))"},
    {"a size depends on the number of channels", R"(
        y = torch.upsample_nearest2d(x, [x.size(1) * 3, x.size(3) * 2])
        x = torch.avg_pool2d(torch.conv2d(y, self.square, None, [1, 1], [1, 1]), [2, 2]))"},
    {"an axis is added in place", R"(
        rows = torch.mean(x, [2, 3])
        y = torch.unsqueeze_(torch.unsqueeze_(rows, 2), 3)
        x = x + torch.conv2d(y, self.point))"},
};

torch::jit::Module lookalike(const std::string& lines) {
  torch::jit::Module module("Model");
  at::manual_seed(0);
  const std::pair<const char*, std::vector<std::int64_t>> shapes[] = {
      {"first", {8, 1, 3, 3}},   {"square", {8, 8, 3, 3}}, {"depthwise", {8, 1, 3, 3}}, {"point", {8, 8, 1, 1}},
      {"squeeze", {2, 8, 1, 1}}, {"excite", {8, 2, 1, 1}}, {"one", {1, 2, 1, 1}},       {"project", {1, 8, 1, 1}}};
  for (const auto& [name, shape] : shapes) module.register_parameter(name, at::randn(shape) * 0.3, false);
  module.define(R"(
    def forward(self, image):
        x = torch.conv2d(image, self.first, None, [1, 1], [1, 1]))" +
                lines + R"(
        heatmap = torch.mean(x, [1], True)
        return torch.softmax(torch.mean(heatmap, [2, 3]), 1), heatmap
  )");
  module.eval();
  return module;
}

at::Tensor heatmap(torch::jit::Module module, const at::Tensor& images) {
  const c10::InferenceMode inference;
  return module.forward({images.clone()}).toTupleRef().elements()[1].toTensor();
}

TEST(CpuFusion, DoesNotChangeThePredictionsOfLookalikes) {
  const at::Tensor images = at::rand({3, 1, 12, 10});
  for (const auto& [trap, lines] : kLookalikes) {
    torch::jit::Module module = torch::jit::freeze(lookalike(lines));
    egaze::detail::fuse_for_cpu(module, spec());
    for (const at::Tensor& some : {images, images.narrow(0, 2, 1)}) {
      const at::Tensor expected = heatmap(lookalike(lines), some), got = heatmap(module, some);
      ASSERT_EQ(got.sizes(), expected.sizes()) << trap;
      EXPECT_LT((got - expected).abs().max().item<float>(), 1e-5f) << trap;
    }
  }
}

TEST(CpuFusion, ThrowsIfAPaddingDependsOnTheNumberOfImages) {
  if (!egaze::detail::has_fused_operators()) GTEST_SKIP() << "this libtorch has no oneDNN";
  torch::jit::Module module = torch::jit::freeze(lookalike(R"(
        y = torch.pad(x, [0, x.size(0), 0, x.size(0)], "constant", None)
        x = x + torch.mean(torch.conv2d(y, self.square)))"));
  egaze::detail::fuse_for_cpu(module, spec());
  EXPECT_NO_THROW(heatmap(module, at::rand({1, 1, 12, 10})));
  EXPECT_THROW(heatmap(module, at::rand({2, 1, 12, 10})), std::exception);
}

TEST(CpuFusion, CopiesWhereACastIsNoLongerNeeded) {
  const std::string lines = R"(
        y = torch.to(x, 15, False, False, None)
        y = torch.relu_(y)
        x = torch.to(x, 6, False, False, None) + torch.to(y, 6, False, False, None))";
  const at::Tensor images = at::rand({1, 1, 12, 10});
  torch::jit::Module module = torch::jit::freeze(lookalike(lines));
  egaze::detail::set_precision(module, "bf16", Precision::fp32);
  EXPECT_LT((heatmap(module, images) - heatmap(lookalike(lines), images)).abs().max().item<float>(), 0.02f);
}

}  // namespace
