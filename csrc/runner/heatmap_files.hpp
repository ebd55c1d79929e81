// Writes predicted heatmaps to files.
#pragma once

#include <string>
#include <vector>

#include "egaze/fit.hpp"
#include "egaze/model_spec.hpp"
#include "egaze/predictor.hpp"
#include "egaze/radiograph.hpp"

namespace egaze::runner {

struct HeatmapFiles {
  std::string npy;
  std::string png;
  std::string overlay;
  std::string class_npy = {};                // of all classes; "" if there are no class heatmaps
  std::vector<std::string> class_pngs = {};  // one for each class
};

// The pixels of the heatmap that the radiograph covers on the canvas, computed like Python's FitGeometry.cut_out.
FitRectangle radiograph_on_heatmap(const StoredRadiograph& radiograph, const ModelSpec& spec);

// A folder to which heatmaps are written.
class HeatmapFolder {
 public:
  // Checks that the folder can be written to. It is created with the first file. Throws std::runtime_error with one
  // line that names the folder if it cannot be created or written to.
  explicit HeatmapFolder(const std::string& folder);

  // Writes three files: FOLDER/NAME_heatmap.npy (float32, on the model's canvas), NAME_heatmap.png (8-bit grey) and
  // NAME_overlay.png (the heatmap over the radiograph in egaze's colours, brightest at the heatmap's maximum). The two
  // PNG files cover the radiograph instead of the canvas and are at most 1024 px long. If the prediction has class
  // heatmaps, also NAME_heatmap_classes.npy (float32, classes first) and NAME_heatmap_classes/CLASS.png (8-bit grey); a
  // class's name becomes that of a file like a radiograph's. Files of an earlier run with the same name are replaced. Each file appears whole or not at all. Throws std::runtime_error with one line that names
  // the file if it cannot be written.
  HeatmapFiles write(const std::string& name, const StoredRadiograph& radiograph, const ModelSpec& spec,
                     const Prediction& prediction);

 private:
  std::string folder_;
};

}  // namespace egaze::runner
