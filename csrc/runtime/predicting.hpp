// Predicts radiographs with any engine.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "egaze/predictor.hpp"
#include "engine.hpp"

namespace egaze::detail {

// Returns one prediction per radiograph, in order. Messages name the model by its `path`.
// Throws Error(invalid_argument) if a radiograph cannot be placed, Error(model_failed) if the outputs are not what the
// spec promises, and what the engine throws.
std::vector<Prediction> predict(Engine& engine, const ModelSpec& spec, const std::string& path,
                                std::span<const RadiographView> radiographs);

}  // namespace egaze::detail
