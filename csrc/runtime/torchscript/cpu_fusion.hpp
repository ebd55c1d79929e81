// Makes a frozen program faster on the CPU, without changing its predictions except for rounding.
#pragma once

#include <torch/script.h>

#include "egaze/model_spec.hpp"

namespace egaze::detail {

// Replaces convolutions by operators for images of the model's input size: oneDNN's, with packed weights and the
// activation that follows, egaze's own for depthwise convolutions, and matrix products for images of a single pixel.
// Steps that it does not recognise stay as they are, as does the whole program if libtorch lacks oneDNN's operators.
void fuse_for_cpu(torch::jit::Module& module, const ModelSpec& spec);

}  // namespace egaze::detail
