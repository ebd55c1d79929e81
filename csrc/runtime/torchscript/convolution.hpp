// A convolution of a frozen program, and the operators that take its place.
#pragma once

#include <torch/csrc/jit/ir/ir.h>

#include <cstdint>
#include <vector>

#include "steps.hpp"

namespace egaze::detail {

using Ints = std::vector<std::int64_t>;

// A two-dimensional convolution whose parameters and input's shape are known, and what it can take over from the steps
// before and after it. Values are not stored but asked for: rewriting another convolution changes them.
struct Convolution {
  torch::jit::Node* node;
  at::Tensor weight;
  c10::IValue bias;  // a tensor or none
  Ints stride, padding, dilation;
  std::int64_t groups;
  Ints input_shape = {};

  torch::jit::Node* pad = nullptr;         // the padding with zeros before it
  Ints pad_sides = {};                     // left, right, top, bottom
  torch::jit::Node* upsampling = nullptr;  // the upsampling by two of its input, or of its input's first channels
  torch::jit::Node* joined = nullptr;      // the list that joins those to the skip's channels, if there are any
  Ints coarse_shape = {};                  // of what is upsampled
  torch::jit::Node* addition = nullptr;    // of its output, used nowhere else, and of a value of its shape and type
  torch::jit::Node* widening = nullptr;    // the cast of its input, or of what is padded, from bfloat16 to float32

  torch::jit::Value* input() const { return (pad != nullptr ? pad : node)->input(0); }
  torch::jit::Value* coarse() const { return upsampling->input(0); }
  torch::jit::Value* skip() const { return joined->input(1); }
  torch::jit::Value* added() const { return addition->input(addition->input(0) == node->output() ? 1 : 0); }
};

// A convolution of one kernel pixel over an image of one pixel, without padding.
bool is_product(const Convolution& convolution);

// The value, of the convolution's input, tested as the program runs where its padding is taken in and not a constant.
torch::jit::Value* insert_unpadded(torch::jit::Graph& graph, const Convolution& convolution, torch::jit::Value* value);

// An operator of any name in the place where the graph is being written, with one tensor as its output.
torch::jit::Value* insert_operator(torch::jit::Graph& graph, const char* name,
                                   const std::vector<torch::jit::Value*>& inputs);

// Whether this libtorch has the operators below, and whether they compute in bfloat16 on this processor.
bool has_fused_operators();
bool fused_operators_take_bf16();

// Each puts an operator in the place of the convolution and of what it takes over; the convolution itself is left
// without users, for the caller to destroy.

// Of an image of one pixel a convolution is a product, which costs less to call.
void write_product(torch::jit::Graph& graph, const Convolution& convolution);

// oneDNN's convolution, its weights in the layout it computes in, with the addition or activation that follows.
void write_pointwise(torch::jit::Graph& graph, const Convolution& as_found);

// A step up of a U-Net: nearest-neighbour upsampling by two and a convolution of 3x3 as a transposed convolution.
void write_step_up(torch::jit::Graph& graph, Convolution convolution);

// Whether the value is a fused operator's output, which shares its memory with no other value.
bool is_fused(const torch::jit::Value* value);

}  // namespace egaze::detail
