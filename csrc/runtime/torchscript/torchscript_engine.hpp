// Models run by libtorch's TorchScript. No type of torch shows here.
#pragma once

#include <memory>
#include <string>

#include "egaze/predictor.hpp"
#include "engine.hpp"
#include "model_archive.hpp"

namespace egaze::detail {

// Throws Error(device_unavailable), Error(invalid_argument) for a device of an unknown name, Error(model_operator) and
// Error(model_failed), as load_program does, and std::exception, whose what() is one line.
std::unique_ptr<Engine> load_torchscript(const std::string& path, const ModelArchive& archive,
                                         const PredictorOptions& options);

// The libtorch this was built against.
std::string torchscript_version();

}  // namespace egaze::detail
