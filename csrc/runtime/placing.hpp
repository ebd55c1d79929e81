// How a film comes to a model: placed on its study's canvas, which is then brought to the model's input.
#pragma once

#include "egaze/model_spec.hpp"
#include "egaze/predictor.hpp"

namespace egaze::detail {

// Fills input_height_px * input_width_px values in [0, 1], row by row. The result does not depend on the threads.
// Throws Error(invalid_argument) for a film without pixels, with a table that it cannot have, or with floats that are
// not finite or lie outside of [0, 1].
void place_film(const Film& film, const ModelSpec& spec, int threads, float* input);

}  // namespace egaze::detail
