// Steps of a frozen program that belong together.
#pragma once

#include <torch/csrc/jit/ir/ir.h>

#include <cstdint>
#include <optional>
#include <vector>

#include "kernels/depthwise.hpp"

namespace egaze::detail {

// The step that alone uses a value, in the same block: in a loop's, it might be taken many times. Null if there is none.
torch::jit::Node* user_of(const torch::jit::Value* value);

// The step right before, constants aside. Between two that follow one another nothing changes what they read.
torch::jit::Node* step_before(torch::jit::Node* node);

// A step that alone uses a value, if it is an activation.
struct Activating {
  torch::jit::Node* node = nullptr;
  Activation kind = Activation::none;
};

Activating activation_of(const torch::jit::Value* value);

// Whether the step takes the mean over an image's pixels, and keeps it as an image of one.
bool is_mean_of_pixels(const torch::jit::Node* node);

// Squeeze and excitation: channels weighed by a function of their means.
struct Excitation {
  torch::jit::Node* mean = nullptr;
  torch::jit::Node* squeeze = nullptr;  // convolutions of the means, an image of one pixel
  Activating activation;
  torch::jit::Node* excite = nullptr;
  Activating gate;
  torch::jit::Node* weighing = nullptr;
};

// What follows features if it is squeeze and excitation, and nothing else uses them. How many channels it gives is not
// looked at.
std::optional<Excitation> excitation_of(const torch::jit::Value* features);

// Whether the step is a convolution, its weights known, of each channel by itself.
bool is_depthwise(torch::jit::Node* node);

// A depthwise convolution and what follows it.
struct DepthwiseSteps {
  torch::jit::Node* pad = nullptr;  // before it, if nothing else uses that
  torch::jit::Node* convolution = nullptr;
  Activating activation;
  std::optional<Excitation> excitation;

  torch::jit::Node* entry() const { return pad != nullptr ? pad : convolution; }
  torch::jit::Node* last() const {
    return excitation ? excitation->weighing : activation.node != nullptr ? activation.node : convolution;
  }
};

DepthwiseSteps depthwise_steps(torch::jit::Node* convolution);

// Whether the step only makes a value of another type, and of which.
std::optional<c10::ScalarType> cast_of(const torch::jit::Node* node);

bool is_tensor_constant(const torch::jit::Node* node);

// The integers of a list that the program's text holds.
std::optional<std::vector<std::int64_t>> constant_ints(torch::jit::Value* value);

}  // namespace egaze::detail
