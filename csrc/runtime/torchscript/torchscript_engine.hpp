// The engine that runs models with TorchScript. This header includes none of torch's.
#pragma once

#include <memory>
#include <string>

#include "egaze/predictor.hpp"
#include "engine.hpp"
#include "model_archive.hpp"

namespace egaze::detail {

// Throws Error(device_unavailable), Error(invalid_argument) if the device's name is unknown, what load_program throws,
// and otherwise a std::exception whose what() is one line.
std::unique_ptr<Engine> load_torchscript(const std::string& path, const ModelArchive& archive,
                                         const PredictorOptions& options);

// The version of the libtorch that this was built against.
std::string torchscript_version();

}  // namespace egaze::detail
