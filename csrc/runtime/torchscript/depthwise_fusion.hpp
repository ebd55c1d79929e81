// Depthwise convolutions of a frozen program as an operator of our own.
#pragma once

#include <torch/csrc/jit/ir/ir.h>

#include <vector>

#include "convolution.hpp"

namespace egaze::detail {

// Puts the operator in the place of every depthwise convolution that there is a kernel for, of the activation that
// follows it and of the squeeze and excitation that follows that; what it has taken over is no longer among the
// convolutions.
void take_over_depthwise(torch::jit::Graph& graph, std::vector<Convolution>& convolutions);

// The operator's name. A program can call it from the first call of this on.
//
// Its inputs: the image; weights (kernel * kernel, channels) and bias (channels); the integers kernel, stride, and
// rows and columns of zeros at the top, on the left, at the bottom, on the right; the Activation; then four times
// nothing, or squeeze (channels, hidden) and its bias, excite (hidden, channels) and its bias; the Activation between
// those and the one of the gate; the type of the output, float32 or bfloat16. Parameters are float32.
const char* depthwise_operator();

}  // namespace egaze::detail
