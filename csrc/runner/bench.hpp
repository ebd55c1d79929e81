// egaze-run's own timing.
#pragma once

#include <string>

#include "arguments.hpp"

namespace egaze::runner {

// Reads and answers one radiograph arguments.bench times, and as often runs the model on arguments.batch radiographs of
// its own size. One JSON object: load_s (the model), read_s, predict_s (read and answered) and model_s, each of the last
// three as median and quartiles, peak_rss_mb, and the radiograph's class_probs.
// Throws what Predictor and read_stored do.
std::string bench_json(const Arguments& arguments, const std::string& radiograph);

}  // namespace egaze::runner
