// A prediction's heatmap as files.
#pragma once

#include <cstddef>
#include <set>
#include <string>

#include "egaze/model_spec.hpp"
#include "egaze/predictor.hpp"

namespace egaze::runner {

struct HeatmapFiles {
  std::string npy;
  std::string png;
};

// Writes heatmaps into one folder, under names made from the films'.
class HeatmapFolder {
 public:
  // Makes the folder if need be. Throws std::runtime_error with one line that names it.
  explicit HeatmapFolder(std::string folder);

  // Writes NAME_heatmap.npy (float32, on the model's canvas) and NAME_heatmap.png (8-bit grey, in the frame of the
  // film, at most 1024 px long). A name that this folder object has used already gets _2, _3, ...
  // A file appears whole or not at all. Throws std::runtime_error with one line that names the file.
  HeatmapFiles write(const std::string& film_path, std::size_t film_height, std::size_t film_width,
                     const ModelSpec& spec, const Prediction& prediction);

 private:
  std::string unused_name(const std::string& film_path);

  std::string folder_;
  std::set<std::string> used_;
};

}  // namespace egaze::runner
