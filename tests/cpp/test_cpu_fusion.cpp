// What becomes of a program's steps on the CPU, and in bfloat16; that the answers stay is tested from Python
// (tests/deploy/test_parity.py).
#include "cpu_fusion.hpp"

#include <gtest/gtest.h>
#include <torch/script.h>

#include <map>
#include <string>

#include "convolution.hpp"
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

TEST(CpuFusion, SqueezeAndExcitationIsOneOperator) {
  torch::jit::Module module = frozen("");
  ASSERT_EQ(steps(module)["aten::conv2d"], 5);
  egaze::detail::fuse_for_cpu(module, spec());
  const auto counts = steps(module);
  EXPECT_EQ(counts.count("aten::conv2d"), egaze::detail::has_fused_operators() ? 0u : 1u);
  if (!egaze::detail::has_fused_operators()) GTEST_SKIP() << "this libtorch has no oneDNN";
  EXPECT_EQ(counts.at("egaze::depthwise"), 1);
  EXPECT_EQ(counts.at("mkldnn::_convolution_pointwise"), 2);
  EXPECT_EQ(counts.count("aten::mul") + counts.count("aten::silu"), 0u);
}

TEST(CpuFusion, WhatElseReadsTheFeaturesKeepsThem) {
  if (!egaze::detail::has_fused_operators()) GTEST_SKIP() << "this libtorch has no oneDNN";
  torch::jit::Module module = frozen("\n        x = x + means");
  egaze::detail::fuse_for_cpu(module, spec());
  auto counts = steps(module);
  EXPECT_EQ(counts["egaze::depthwise"], 1);  // the convolution and its activation alone
  EXPECT_EQ(counts["aten::mul"] + counts["aten::mul_"], 1);
  EXPECT_EQ(counts["aten::mm"], 2);
}

TEST(CpuFusion, Bfloat16LeavesTheRadiographAndTheDepthwiseConvolution) {
  if (!egaze::detail::has_fused_operators() || !egaze::detail::fused_operators_take_bf16())
    GTEST_SKIP() << "no bfloat16 here";
  torch::jit::Module module = frozen("");
  egaze::detail::set_precision(module, "fp32", Precision::bf16);
  // In and out of the depthwise convolution, out of the first one, and both answers.
  EXPECT_EQ(steps(module)["aten::to"], 5);
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
  EXPECT_EQ(steps(module)["aten::to"], 3);  // the operator reads and writes bfloat16

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

}  // namespace
