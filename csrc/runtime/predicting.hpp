// Radiographs to predictions, whatever engine runs the model.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "egaze/predictor.hpp"
#include "engine.hpp"

namespace egaze::detail {

// One prediction a radiograph, in their order; `path` is the model's, for messages.
// Throws Error(invalid_argument) for a radiograph that cannot be placed, Error(model_failed) for outputs that are not
// what the spec promises, and what the engine throws.
std::vector<Prediction> predict(Engine& engine, const ModelSpec& spec, const std::string& path,
                                std::span<const RadiographView> radiographs);

}  // namespace egaze::detail
