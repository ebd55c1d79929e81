// Convolutions of a frozen program, and the operators that replace them.
#pragma once

#include <torch/csrc/jit/ir/ir.h>

#include <cstdint>
#include <vector>

#include "steps.hpp"

namespace egaze::detail {

using Ints = std::vector<std::int64_t>;

// A two-dimensional convolution with known parameters and input shape, and the steps before and after it that can be
// merged with it. Inputs and outputs are looked up in the graph each time, because rewriting another convolution may
// replace them.
struct Convolution {
  torch::jit::Node* node;
  at::Tensor weight;
  c10::IValue bias;  // a tensor or none
  Ints stride, padding, dilation;
  std::int64_t groups;
  Ints input_shape = {};

  torch::jit::Node* pad = nullptr;         // a padding with zeros before it
  Ints pad_sides = {};                     // left, right, top, bottom
  torch::jit::Node* upsampling = nullptr;  // upsampling by two of its input, or of the first channels of its input
  torch::jit::Node* joined = nullptr;      // the list that concatenates them with the skip's channels, if any
  Ints coarse_shape = {};                  // the shape before upsampling
  torch::jit::Node* addition = nullptr;    // the addition of a value of the same shape and type, the output's only use
  torch::jit::Node* widening = nullptr;    // the cast of its input, before any padding, from bfloat16 to float32

  torch::jit::Value* input() const { return (pad != nullptr ? pad : node)->input(0); }
  torch::jit::Value* coarse() const { return upsampling->input(0); }
  torch::jit::Value* skip() const { return joined->input(1); }
  torch::jit::Value* added() const { return addition->input(addition->input(0) == node->output() ? 1 : 0); }
};

bool all(const Ints& ints, std::int64_t wanted);

// Whether it is a convolution of a single pixel with a 1x1 kernel, without padding.
bool is_product(const Convolution& convolution);

// The zeros that it pads on the left, right, top and bottom, those of a merged padding if there is one.
Ints sides_of(const Convolution& convolution);

// Returns the value, which is an input of the convolution, after inserting a check if the convolution was merged with a
// padding that is not constant.
torch::jit::Value* insert_unpadded(torch::jit::Graph& graph, const Convolution& convolution, torch::jit::Value* value);

// Inserts an operator with one output tensor at the insertion point.
torch::jit::Value* insert_operator(torch::jit::Graph& graph, const char* name,
                                   const std::vector<torch::jit::Value*>& inputs);

// Whether this libtorch has the operators below, and whether they compute in bfloat16 on this processor.
bool has_fused_operators();
bool fused_operators_take_bf16();

// Each function below replaces the convolution and the steps merged with it by an operator. The convolution itself is
// left without uses; the caller destroys it.

// Writes a convolution of a single pixel as a matrix product, which costs less to call.
void write_product(torch::jit::Graph& graph, const Convolution& convolution);

// Whether egaze's own operator is the fastest on this processor for the convolution and the steps merged with it.
bool prefers_own_operator(const Convolution& convolution);

// Writes egaze's own operator, with the upsampling, the skip, the addition and the activation.
void write_own(torch::jit::Graph& graph, const Convolution& convolution);

// Registers egaze's own operator on the first call and returns its name.
//
// Its arguments:
// - the image; the skip, or None; what is added to the output, one for all images or one for each, or None;
// - the packed weights, and the bias, padded with zeros;
// - nine integers: the kernel's height and width, the stride, the zeros to pad at the top, left, bottom and right, the
//   output's channels, and 1 if the image is doubled, otherwise 0;
// - the Activation;
// - the type of the images and of the output, float32 or bfloat16.
const char* convolution_operator();

// Writes oneDNN's convolution, with weights in oneDNN's layout and the addition or activation that follows.
void write_pointwise(torch::jit::Graph& graph, const Convolution& as_found);

// Writes a decoder step, nearest-neighbour upsampling by two and a 3x3 convolution, as a transposed convolution.
void write_step_up(torch::jit::Graph& graph, Convolution convolution);

// Whether the value is the output of one of these operators, which never shares its memory with another value.
bool is_fused(const torch::jit::Value* value);

}  // namespace egaze::detail
