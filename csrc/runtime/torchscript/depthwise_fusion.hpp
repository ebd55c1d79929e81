// Replaces depthwise convolutions of a frozen program by egaze's own operator.
#pragma once

#include <torch/csrc/jit/ir/ir.h>

#include <vector>

#include "convolution.hpp"

namespace egaze::detail {

// Replaces every depthwise convolution for which there is a kernel, together with its activation and its squeeze and
// excitation. Convolutions that have been replaced are removed from the list.
void take_over_depthwise(torch::jit::Graph& graph, std::vector<Convolution>& convolutions);

// Registers the operator on the first call and returns its name.
//
// Its arguments:
// - the image;
// - weights (kernel * kernel, channels) and bias (channels), in float32;
// - six integers: kernel, stride, and the zeros to pad at the top, left, bottom and right;
// - the Activation;
// - squeeze (channels, hidden) and its bias, excite (hidden, channels) and its bias, in float32; or None four times;
// - the Activation between squeeze and excite, and that of the gate;
// - the type of the image and of the output, float32 or bfloat16.
const char* depthwise_operator();

}  // namespace egaze::detail
