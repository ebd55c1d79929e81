// Egaze's own operators, with valid arguments and with arguments that they must refuse.
#include <gtest/gtest.h>
#include <torch/csrc/jit/runtime/operator.h>
#include <torch/script.h>

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "assumptions.hpp"
#include "depthwise_fusion.hpp"

using namespace egaze;
using namespace egaze::detail;

namespace {

using Arguments = std::vector<c10::IValue>;
using Ints = std::vector<std::int64_t>;

at::Tensor call(const char* name, const Arguments& arguments) {
  const auto operators = torch::jit::getAllOperatorsFor(c10::Symbol::fromQualString(name));
  torch::jit::Stack stack(arguments.begin(), arguments.end());
  operators.at(0)->getOperation()(stack);
  return stack.back().toTensor();
}

constexpr std::int64_t kChannels = 20, kHidden = 3;

// A 3x3 convolution of stride 1, with squeeze and excitation, for an image of 6x5 pixels.
Arguments valid() {
  at::manual_seed(0);
  return {at::rand({2, kChannels, 6, 5}),
          at::randn({9, kChannels}),
          at::randn({kChannels}),
          Ints{3, 1, 1, 1, 1, 1},
          static_cast<std::int64_t>(Activation::relu),
          at::randn({kChannels, kHidden}),
          at::randn({kHidden}),
          at::randn({kHidden, kChannels}),
          at::randn({kChannels}),
          static_cast<std::int64_t>(Activation::silu),
          static_cast<std::int64_t>(Activation::sigmoid),
          static_cast<std::int64_t>(at::kFloat)};
}

at::Tensor expected(const Arguments& of) {
  const auto tensor = [&](std::size_t index) { return of[index].toTensor(); };
  const at::Tensor weights = tensor(1).t().reshape({kChannels, 1, 3, 3});
  const at::Tensor features = at::relu(at::conv2d(tensor(0), weights, tensor(2), 1, 1, 1, kChannels));
  const at::Tensor hidden = at::silu(at::addmm(tensor(6), features.mean(c10::IntArrayRef{2, 3}), tensor(5)));
  return features * at::sigmoid(at::addmm(tensor(8), hidden, tensor(7))).unsqueeze(-1).unsqueeze(-1);
}

TEST(OwnOperators, DepthwiseComputesAsTorchDoes) {
  Arguments arguments = valid();
  EXPECT_LT((call(depthwise_operator(), arguments) - expected(arguments)).abs().max().item<float>(), 1e-5f);
  // For an image in another layout.
  const at::Tensor wide = at::rand({2, kChannels, 5, 12});
  arguments[0] = wide.transpose(2, 3).slice(2, 0, 12, 2);
  EXPECT_LT((call(depthwise_operator(), arguments) - expected(arguments)).abs().max().item<float>(), 1e-5f);
  arguments[0] = at::rand({2, 1, 6, 5}).expand({2, kChannels, 6, 5});
  EXPECT_LT((call(depthwise_operator(), arguments) - expected(arguments)).abs().max().item<float>(), 1e-5f);
  arguments[0] = at::rand({0, kChannels, 6, 5});
  EXPECT_EQ(call(depthwise_operator(), arguments).sizes(), (Ints{0, kChannels, 6, 5}));
}

TEST(OwnOperators, DepthwiseRefusesInvalidArguments) {
  const auto integer = [](std::int64_t value) { return c10::IValue(value); };
  const std::vector<std::pair<std::size_t, c10::IValue>> changes = {
      // The image.
      {0, at::rand({kChannels, 6, 5})},
      {0, at::rand({2, kChannels + 1, 6, 5})},
      {0, at::rand({2, kChannels, 0, 5})},
      {0, at::rand({2, 0, 6, 5})},
      {0, at::rand({2, kChannels, 6, 5}, at::kDouble)},
      {0, at::rand({2, kChannels, 6, 5}).to(at::kBFloat16)},
      {0, at::zeros({2, kChannels, 6, 5}, at::kLong)},
      {0, at::rand({2, kChannels, 6, 5}).to_sparse()},
      {0, at::empty({2, kChannels, 6, 5}, at::TensorOptions().device(at::kMeta))},
      {0, at::Tensor()},
      {0, c10::IValue()},
      {0, 1.0},
      // Weights and bias.
      {1, at::rand({9, 1})},
      {1, at::rand({8, kChannels})},
      {1, at::rand({9, kChannels, 1})},
      {1, at::rand({kChannels, 9}).t()},
      {1, at::rand({9, 1}).expand({9, kChannels})},
      {1, at::rand({9, kChannels}, at::kDouble)},
      {2, at::rand({1})},
      {2, at::rand({kChannels - 1})},
      {2, at::rand({1}).expand({kChannels})},
      {2, at::rand({kChannels}).to(at::kBFloat16)},
      {2, c10::IValue()},
      // Geometry.
      {3, Ints{3, 1, 1, 1, 1}},
      {3, Ints{}},
      {3, Ints{7, 1, 1, 1, 1, 1}},
      {3, Ints{-3, 1, 1, 1, 1, 1}},
      {3, Ints{5, 1, 2, 2, 2, 2}},  // does not fit the weights
      {3, Ints{3, 0, 1, 1, 1, 1}},
      {3, Ints{3, -1, 1, 1, 1, 1}},
      {3, Ints{3, 1, -1, 1, 1, 1}},
      {3, Ints{3, 1, 1, 1, std::int64_t{1} << 62, 1}},
      {3, Ints{3, 1, 1, std::int64_t{1} << 62, 1, std::int64_t{1} << 62}},
      // Activations and the type.
      {4, integer(-1)},
      {4, integer(6)},
      {4, integer(256)},
      {9, integer(99)},
      {10, integer(-7)},
      {11, integer(-1)},
      {11, integer(7)},
      {11, integer(255)},
      {11, integer(262)},
      {11, integer(std::int64_t{1} << 31)},
      // Squeeze and excitation with one channel, with shapes that would broadcast, or incomplete.
      {5, at::rand({1, kHidden})},
      {5, at::rand({kChannels, 0})},
      {5, at::rand({kChannels})},
      {5, c10::IValue()},
      {6, at::rand({1})},
      {6, c10::IValue()},
      {7, at::rand({kHidden, 1})},
      {7, at::rand({kHidden, 1}).expand({kHidden, kChannels})},
      {7, at::rand({kHidden + 1, kChannels})},
      {7, c10::IValue()},
      {8, at::rand({1})},
      {8, c10::IValue()},
  };
  for (const auto& [index, value] : changes) {
    Arguments arguments = valid();
    arguments[index] = value;
    EXPECT_THROW(call(depthwise_operator(), arguments), std::exception) << "argument " << index << ": " << value;
  }
  Arguments small = valid();
  small[0] = at::rand({1, kChannels, 2, 2});
  small[3] = Ints{3, 1, 0, 0, 0, 0};
  EXPECT_THROW(call(depthwise_operator(), small), std::exception);
}

TEST(OwnOperators, AssumptionsAreChecked) {
  const at::Tensor image = at::rand({2, 4, 6, 5});
  EXPECT_TRUE(call(padding_test(), {image, Ints{0, 1, 0, 1}, Ints{0, 1, 0, 1}}).is_same(image));
  EXPECT_THROW(call(padding_test(), {image, Ints{0, 1, 0, 2}, Ints{0, 1, 0, 1}}), std::exception);
  EXPECT_THROW(call(padding_test(), {image, Ints{0, 1}, Ints{0, 1, 0, 1}}), std::exception);
  EXPECT_TRUE(call(doubling_test(), {image, Ints{12, 10}, 4}).is_same(image));
  for (const Ints& size : {Ints{12, 9}, Ints{6, 5}, Ints{12}, Ints{}}) {
    EXPECT_THROW(call(doubling_test(), {image, size, 4}), std::exception);
  }
  EXPECT_THROW(call(doubling_test(), {image, Ints{12, 10}, 3}), std::exception);
  EXPECT_THROW(call(doubling_test(), {at::rand({4, 6, 5}), Ints{12, 10}, 4}), std::exception);
}

}  // namespace
