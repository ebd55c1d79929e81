// A checked archive's program: loaded, checked once more as graphs, and cast to the precision it shall run in.
#pragma once

#include <torch/script.h>

#include <string>

#include "egaze/predictor.hpp"
#include "model_archive.hpp"

namespace egaze::detail {

// Throws Error(model_operator) for a graph that does what no exported model does, Error(model_failed) when libtorch
// cannot load it.
torch::jit::Module load_program(const std::string& path, const ModelArchive& archive, c10::Device device,
                                Precision precision);

}  // namespace egaze::detail
