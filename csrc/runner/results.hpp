// The results of egaze-run, as JSON or CSV.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "egaze/model_spec.hpp"
#include "egaze/predictor.hpp"
#include "heatmap_files.hpp"

namespace egaze::runner {

// A point on the model's canvas: 0 is the left or top edge, 1 the right or bottom edge.
struct Peak {
  double x = 0.0;
  double y = 0.0;
};

struct Result {
  std::string image;               // the path of the image file
  std::string name;                // the beginning of the names of its output files
  std::string error;               // one line; if it is not empty, the fields below are not valid
  std::vector<std::string> notes;  // StoredRadiograph::notes
  std::vector<float> class_probs;
  std::optional<Peak> heatmap_peak;   // if the model has a heatmap head
  std::vector<Peak> class_peaks;      // of each class's heatmap, if class heatmaps were asked for
  std::optional<HeatmapFiles> files;  // if heatmaps were written
  std::string dicom_file;             // the Secondary Capture, or ""
  std::string dicom_error;            // why it could not be made or written, one line, or ""
};

// What the results have besides the usual.
struct Asked {
  bool thresholds = false;
  bool class_heatmaps = false;
};

// The centre of the pixel with the heatmap's largest value.
Peak heatmap_peak(const Prediction& prediction);

// The same for the heatmap of each class.
std::vector<Peak> class_heatmap_peaks(const Prediction& prediction);

// The notes in one line.
std::string joined(const std::vector<std::string>& notes);

// One JSON object with one entry per radiograph; if asked, with the thresholds, their rule, and which probabilities reach
// them, and with the peaks and files of class heatmaps.
std::string results_json(const std::string& model, const ModelSpec& spec, const std::vector<Result>& results,
                         Asked asked);

// A table in the format of RFC 4180 with a header: image, prob_CLASS..., above_threshold_CLASS... (1, 0, or empty for
// a class without a threshold) if asked, peak_x, peak_y, heatmap_npy, heatmap_png, overlay_png; of class heatmaps, if
// asked, peak_x_CLASS, peak_y_CLASS..., class_heatmaps_npy and class_heatmap_png_CLASS...; error, notes.
std::string results_csv(const ModelSpec& spec, const std::vector<Result>& results, Asked asked);

}  // namespace egaze::runner
