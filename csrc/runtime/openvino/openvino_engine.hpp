// The engine that runs ONNX files through OpenVINO on the CPU. This header includes none of OpenVINO's.
#pragma once

#include <memory>
#include <string>

#include "egaze/predictor.hpp"
#include "engine.hpp"
#include "model_archive.hpp"

namespace egaze::detail {

// Throws Error(device_unavailable) for another device than the CPU, and a std::exception whose what() is one line if
// OpenVINO cannot load the file, which has been checked.
std::unique_ptr<Engine> load_openvino(const ModelArchive& archive, const PredictorOptions& options);

// The version of the OpenVINO that this was built against.
std::string openvino_version();

}  // namespace egaze::detail
