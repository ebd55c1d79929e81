// A prediction's heatmap as files.
#pragma once

#include <set>
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

// Writes heatmaps into one folder, under names made from the films'.
class HeatmapFolder {
 public:
  // Makes the folder if need be. Throws std::runtime_error with one line that names it.
  explicit HeatmapFolder(std::string folder);

  // Writes NAME_heatmap.npy (float32, on the model's canvas) and, in the frame of the film and at most 1024 px long,
  // NAME_heatmap.png (8-bit grey) and NAME_overlay.png (the heatmap over the film in egaze's colours, its own largest
  // value the brightest). A name that this folder object has used already gets _2, _3, ...
  // A file appears whole or not at all. Throws std::runtime_error with one line that names the file.
  HeatmapFiles write(const std::string& film_path, const StoredFilm& film, const ModelSpec& spec,
                     const Prediction& prediction);

 private:
  std::string unused_name(const std::string& film_path);

  std::string folder_;
  std::set<std::string> used_;
};

}  // namespace egaze::runner
