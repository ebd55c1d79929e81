// Recognises groups of steps in a frozen program.
#pragma once

#include <torch/csrc/jit/ir/ir.h>

#include <cstdint>
#include <optional>
#include <vector>

#include "kernels/depthwise.hpp"

namespace egaze::detail {

// Returns the step that uses a value if it is the only one and in the same block (a step in a loop's block may run many
// times), and otherwise null.
torch::jit::Node* user_of(const torch::jit::Value* value);

// Returns the preceding step, skipping constants. No value can change between it and the node.
torch::jit::Node* step_before(torch::jit::Node* node);

// The only step that uses a value, if it is an activation.
struct Activating {
  torch::jit::Node* node = nullptr;
  Activation kind = Activation::none;
};

Activating activation_of(const torch::jit::Value* value);

// Whether the step computes the mean over an image's pixels and keeps both dimensions.
bool is_mean_of_pixels(const torch::jit::Node* node);

// Squeeze and excitation: channels are multiplied by gates, which are a function of the channels' means.
struct Excitation {
  torch::jit::Node* mean = nullptr;
  torch::jit::Node* squeeze = nullptr;  // this and excite are convolutions of a single pixel
  Activating activation;
  torch::jit::Node* excite = nullptr;
  Activating gate;
  torch::jit::Node* weighing = nullptr;
};

// Returns the squeeze and excitation that follows features, if nothing else uses them. The number of channels of its
// result is not checked.
std::optional<Excitation> excitation_of(const torch::jit::Value* features);

// Whether the step is a convolution with known weights that processes each channel separately.
bool is_depthwise(torch::jit::Node* node);

// A depthwise convolution and the steps that belong to it.
struct DepthwiseSteps {
  torch::jit::Node* pad = nullptr;  // a padding of its input, which nothing else uses
  torch::jit::Node* convolution = nullptr;
  Activating activation;
  std::optional<Excitation> excitation;

  torch::jit::Node* entry() const { return pad != nullptr ? pad : convolution; }
  torch::jit::Node* last() const {
    return excitation ? excitation->weighing : activation.node != nullptr ? activation.node : convolution;
  }
};

DepthwiseSteps depthwise_steps(torch::jit::Node* convolution);

// Returns the type to which the step casts, if it is a cast.
std::optional<c10::ScalarType> cast_of(const torch::jit::Node* node);

bool is_tensor_constant(const torch::jit::Node* node);

// Returns the integers of a constant list.
std::optional<std::vector<std::int64_t>> constant_ints(torch::jit::Value* value);

}  // namespace egaze::detail
