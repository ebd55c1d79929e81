// The benchmark of `egaze-run --bench`.
#pragma once

#include <string>

#include "arguments.hpp"

namespace egaze::runner {

// Reads and predicts one radiograph arguments.bench times, and runs the model as often on a batch of arguments.batch
// radiographs of its input's size. Returns one JSON object with load_s (loading the model); read_s, predict_s (reading
// and predicting) and model_s, each as median and quartiles; peak_rss_mb; and the radiograph's class_probs.
// Throws like Predictor and read_stored.
std::string bench_json(const Arguments& arguments, const std::string& image_path);

}  // namespace egaze::runner
