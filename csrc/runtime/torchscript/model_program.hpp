// Loads the program of a checked archive, checks its graph again, and prepares it for the device and precision.
#pragma once

#include <torch/script.h>

#include <string>

#include "egaze/predictor.hpp"
#include "model_archive.hpp"

namespace egaze::detail {

// Throws Error(model_operator) if the graph does something that no exported model does, and Error(model_failed) if
// libtorch cannot load it.
torch::jit::Module load_program(const std::string& path, const ModelArchive& archive, c10::Device device,
                                Precision precision);

}  // namespace egaze::detail
