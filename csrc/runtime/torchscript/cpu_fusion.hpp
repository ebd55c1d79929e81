// A frozen program made faster on the CPU, its answers the same to rounding.
#pragma once

#include <torch/script.h>

#include "egaze/model_spec.hpp"

namespace egaze::detail {

// Rewrites the program's convolutions for radiographs of the model's size: oneDNN's operators that take weights in the
// layout they compute in and apply the activation that follows, and plain products where an image is one pixel. What
// it does not know it leaves as it is, and so the whole program where libtorch lacks these operators.
void fuse_for_cpu(torch::jit::Module& module, const ModelSpec& spec);

}  // namespace egaze::detail
