// What egaze-run says of radiographs, as JSON or CSV.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "egaze/model_spec.hpp"
#include "egaze/predictor.hpp"
#include "heatmap_files.hpp"

namespace egaze::runner {

// A place on the model's canvas: 0 is the left or top edge, 1 the right or bottom.
struct Peak {
  double x = 0.0;
  double y = 0.0;
};

struct Result {
  std::string image;
  std::string name;                // that its files begin with
  std::string error;               // one line; nothing below holds when there is one
  std::vector<std::string> notes;  // StoredRadiograph::notes
  std::vector<float> class_probs;
  std::optional<Peak> heatmap_peak;   // of a model with a heatmap head
  std::optional<HeatmapFiles> files;  // when they were asked for
};

Peak heatmap_peak(const Prediction& prediction);

// Notes as one line.
std::string joined(const std::vector<std::string>& notes);

// One JSON object with an entry a radiograph.
std::string results_json(const std::string& model, const ModelSpec& spec, const std::vector<Result>& results);

// RFC 4180 with a header: image, prob_CLASS..., peak_x, peak_y, heatmap_npy, heatmap_png, overlay_png, error, notes.
std::string results_csv(const ModelSpec& spec, const std::vector<Result>& results);

}  // namespace egaze::runner
