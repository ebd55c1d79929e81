// A prediction's heatmap as files.
#pragma once

#include <string>

#include "egaze/model_spec.hpp"
#include "egaze/predictor.hpp"
#include "egaze/radiograph.hpp"

namespace egaze::runner {

struct HeatmapFiles {
  std::string npy;
  std::string png;
  std::string overlay;
};

// Writes heatmaps into one folder.
class HeatmapFolder {
 public:
  // The folder is made with the first file. Throws std::runtime_error, with one line that names it, where it cannot be
  // made or written into.
  explicit HeatmapFolder(std::string folder);

  // Writes FOLDER/NAME_heatmap.npy (float32, on the model's canvas) and, in the frame of the radiograph and at most
  // 1024 px long, NAME_heatmap.png (8-bit grey) and NAME_overlay.png (the heatmap over the radiograph in egaze's
  // colours, its own largest value the brightest). What an earlier run wrote under the name is replaced.
  // A file appears whole or not at all. Throws std::runtime_error with one line that names the file.
  HeatmapFiles write(const std::string& name, const StoredRadiograph& radiograph, const ModelSpec& spec,
                     const Prediction& prediction);

 private:
  std::string folder_;
};

}  // namespace egaze::runner
