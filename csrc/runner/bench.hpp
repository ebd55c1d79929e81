// egaze-run's own timing.
#pragma once

#include <string>

#include "arguments.hpp"

namespace egaze::runner {

// Reads and answers one film arguments.bench times, and as often runs the model on arguments.batch films of its own
// size. One JSON object: load_s (the model), read_s, answer_s (read and answered) and model_s, each of the last three
// as median and quartiles, peak_rss_mb, and the film's class_probs.
// Throws what Predictor and read_film do.
std::string bench_json(const Arguments& arguments, const std::string& film);

}  // namespace egaze::runner
