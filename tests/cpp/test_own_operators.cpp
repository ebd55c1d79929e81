// Egaze's own operators, with valid arguments and with arguments that they must refuse.
#include <gtest/gtest.h>
#include <torch/csrc/jit/runtime/operator.h>
#include <torch/script.h>

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "assumptions.hpp"
#include "convolution.hpp"
#include "depthwise_fusion.hpp"
#include "kernels/convolution.hpp"
#include "operator_arguments.hpp"

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

// A 3x3 convolution with stride 1 of an image of 6x5 pixels, to which something is added.
struct Convolved {
  at::Tensor weight = at::randn({7, kChannels, 3, 3}), bias = at::randn({7});
  Arguments arguments;

  explicit Convolved(c10::ScalarType type = at::kFloat) {
    const ConvolutionLayer layer = {6, 5, kChannels, 6, 5, 7, 3, 3, 1, 1, 1, Activation::none};
    const at::Tensor packed = at::empty({static_cast<std::int64_t>(packed_convolution_length(layer))}, type);
    if (type == at::kBFloat16) {
      weight = weight.to(type).to(at::kFloat);
      pack_convolution(layer, weight.const_data_ptr<float>(), kernel_values(packed.mutable_data_ptr<at::BFloat16>()));
    } else {
      pack_convolution(layer, weight.const_data_ptr<float>(), packed.mutable_data_ptr<float>());
    }
    const auto padded = static_cast<std::int64_t>(convolution_bias_length(7));
    arguments = {at::rand({2, kChannels, 6, 5}).to(type),
                 c10::IValue(),
                 at::rand({2, 7, 6, 5}).to(type),
                 packed,
                 at::constant_pad_nd(bias, {0, padded - 7}),
                 Ints{3, 3, 1, 1, 1, 1, 1, 7, 0},
                 static_cast<std::int64_t>(Activation::silu),
                 static_cast<std::int64_t>(type)};
  }

  at::Tensor expected() const {
    const at::Tensor image = arguments[0].toTensor().to(at::kFloat), added = arguments[2].toTensor().to(at::kFloat);
    return at::silu(at::conv2d(image, weight, bias, 1, 1) + added);
  }

  float difference() const {
    return (call(convolution_operator(), arguments).to(at::kFloat) - expected()).abs().max().item<float>();
  }
};

TEST(OwnOperators, ConvolutionComputesAsTorchDoes) {
  at::manual_seed(0);
  Convolved convolved;
  EXPECT_LT(convolved.difference(), 2e-5F);
  convolved.arguments[0] = at::rand({2, kChannels, 5, 12}).transpose(2, 3).slice(2, 0, 12, 2);  // in another layout
  EXPECT_LT(convolved.difference(), 2e-5F);
  convolved.arguments[2] = at::rand({1, 7, 1, 5}).expand({2, 7, 6, 5});
  EXPECT_LT(convolved.difference(), 2e-5F);
  convolved.arguments[2] = at::rand({1, 7, 6, 5});  // the same for all images
  EXPECT_LT(convolved.difference(), 2e-5F);
  const Convolved rounded(at::kBFloat16);
  EXPECT_LT(rounded.difference(), 0.02F * rounded.expected().abs().max().item<float>());
  convolved.arguments[0] = at::rand({0, kChannels, 6, 5});
  convolved.arguments[2] = at::rand({0, 7, 6, 5});
  EXPECT_EQ(call(convolution_operator(), convolved.arguments).sizes(), (Ints{0, 7, 6, 5}));
}

TEST(OwnOperators, ConvolutionDoublesAndJoins) {
  at::manual_seed(0);
  const ConvolutionLayer layer = {6, 5, kChannels, 12, 10, 7, 3, 3, 1, 1, 1, Activation::none, true, 4};
  const at::Tensor weight = at::randn({7, kChannels + 4, 3, 3}), image = at::rand({2, kChannels, 6, 5});
  const at::Tensor skip = at::rand({2, 4, 12, 10});
  const at::Tensor packed = at::empty({static_cast<std::int64_t>(packed_convolution_length(layer))});
  pack_convolution(layer, weight.const_data_ptr<float>(), packed.mutable_data_ptr<float>());
  const Arguments valid = {image,
                           skip,
                           c10::IValue(),
                           packed,
                           at::zeros({static_cast<std::int64_t>(convolution_bias_length(7))}),
                           Ints{3, 3, 1, 1, 1, 1, 1, 7, 1},
                           static_cast<std::int64_t>(Activation::relu),
                           static_cast<std::int64_t>(at::kFloat)};
  const at::Tensor doubled = at::upsample_nearest2d(image, {12, 10});
  const at::Tensor expected = at::relu(at::conv2d(at::cat({doubled, skip}, 1), weight, {}, 1, 1));
  EXPECT_LT((call(convolution_operator(), valid) - expected).abs().max().item<float>(), 5e-5F);
  for (const c10::IValue& other :
       {c10::IValue(), c10::IValue(at::rand({2, 3, 12, 10})), c10::IValue(at::rand({2, 4, 6, 5})),
        c10::IValue(at::rand({1, 4, 12, 10})), c10::IValue(at::rand({4, 12, 10}))}) {
    Arguments arguments = valid;
    arguments[1] = other;
    EXPECT_THROW(call(convolution_operator(), arguments), std::exception) << other;
  }
}

TEST(OwnOperators, ConvolutionRefusesInvalidArguments) {
  const auto integer = [](std::int64_t value) { return c10::IValue(value); };
  const Convolved valid;
  const at::Tensor packed = valid.arguments[3].toTensor();
  constexpr std::int64_t kHuge = std::int64_t{1} << 62;
  const std::vector<std::pair<std::size_t, c10::IValue>> changes = {
      {0, at::rand({kChannels, 6, 5})},
      {0, at::rand({2, kChannels + 1, 6, 5})},
      {0, at::rand({2, kChannels, 0, 5})},
      {0, at::rand({2, kChannels, 6, 5}, at::kDouble)},
      {0, at::rand({2, kChannels, 6, 5}).to(at::kBFloat16)},
      {0, at::rand({2, kChannels, 6, 5}).to_sparse()},
      {0, at::empty({2, kChannels, 6, 5}, at::TensorOptions().device(at::kMeta))},
      {0, at::Tensor()},
      {0, c10::IValue()},
      {1, at::rand({2, 4, 6, 5})},  // the layer joins nothing
      {2, at::rand({2, 7, 6, 4})},
      {2, at::rand({7, 6, 5})},
      {2, at::rand({2, 7, 6, 5}).to(at::kBFloat16)},
      {3, packed.narrow(0, 0, packed.size(0) - 1)},
      {3, at::rand({packed.size(0) + 1})},
      {3, packed.reshape({1, -1})},
      {3, at::rand({1}).expand({packed.size(0)})},
      {3, packed.to(at::kBFloat16)},
      {3, c10::IValue()},
      {4, at::rand({7})},
      {4, at::rand({1}).expand({32})},
      {4, at::rand({32}).to(at::kBFloat16)},
      {5, Ints{3, 3, 1, 1, 1, 1, 1, 7}},
      {5, Ints{}},
      {5, Ints{0, 3, 1, 1, 1, 1, 1, 7, 0}},
      {5, Ints{3, 3, 0, 1, 1, 1, 1, 7, 0}},
      {5, Ints{3, 3, -1, 1, 1, 1, 1, 7, 0}},
      {5, Ints{3, 3, 1, -1, 1, 1, 1, 7, 0}},
      {5, Ints{3, 3, 1, 1, 1, 1, 1, 8, 0}},
      {5, Ints{3, 3, 1, 1, 1, 1, 1, 0, 0}},
      {5, Ints{3, 3, 1, 1, 1, 1, 1, 7, 1}},
      {5, Ints{5, 5, 1, 2, 2, 2, 2, 7, 0}},  // does not fit the weights
      {5, Ints{9, 1, 1, 0, 0, 0, 0, 7, 0}},  // larger than the image
      {5, Ints{3, 3, 1, kHuge, 1, 1, 1, 7, 0}},
      {5, Ints{3, 3, 1, 1, 1, 1, 1, kHuge, 0}},
      {6, integer(-1)},
      {6, integer(6)},
      {7, integer(-1)},
      {7, integer(7)},
      {7, integer(static_cast<std::int64_t>(at::kBFloat16))},
  };
  for (const auto& [index, value] : changes) {
    Arguments arguments = valid.arguments;
    arguments[index] = value;
    EXPECT_THROW(call(convolution_operator(), arguments), std::exception) << "argument " << index << ": " << value;
  }
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
