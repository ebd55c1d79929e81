// Chooses the engine that runs a model file, among those that are built in.
#pragma once

#include <memory>
#include <string>

#include "egaze/predictor.hpp"
#include "engine.hpp"
#include "model_archive.hpp"

namespace egaze::detail {

// Throws Error(invalid_argument) if the options name no engine, or one that does not run files of the path's suffix, or
// if the engine is not built in.
void require_engine(const std::string& path, const PredictorOptions& options);

// Loads a file into the engine of its suffix, which require_engine has accepted. Throws what the engine throws.
std::unique_ptr<Engine> load_engine(const std::string& path, const ModelArchive& archive,
                                    const PredictorOptions& options);

// Such as "torch 2.14.1, openvino 2026.4.1".
std::string built_in_engines();

// "" if torch is not built in.
std::string built_in_torch();

}  // namespace egaze::detail
