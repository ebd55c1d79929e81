// The description that an exported model carries: the file "egaze_spec.json" in its archive.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "egaze/fit.hpp"
#include "egaze/radiograph.hpp"

namespace egaze {

// Files with class heatmaps have the newest version. Others have the oldest, so that older releases of egaze read them.
inline constexpr int kOldestModelFormatVersion = 4, kModelFormatVersion = 5;

struct ModelSpec {
  int format_version = 0;
  std::string egaze_version;                      // of the egaze that exported the model
  std::string torch_version;                      // of the torch that exported the model
  std::string recipe;                             // how the model was trained, such as "joint"
  std::string precision;                          // the precision of its computation: "fp32" or "bf16"
  Presentation presentation = Presentation::voi;  // how stored values become [0, 1]; the argument for read_stored
  Fit fit = Fit::stretch;                         // how a radiograph is fitted to the canvas
  std::size_t canvas_height_px = 0;               // 1 to 4096: the canvas of the study, on which a radiograph is
  std::size_t canvas_width_px = 0;                // placed before it is resized to the model's input
  std::size_t input_height_px = 0;                // 1 to 4096
  std::size_t input_width_px = 0;                 // 1 to 4096
  std::vector<std::string> class_names;           // at least one, all different
  std::string label_kind;                         // "exclusive": a radiograph has one class; "independent": any number
  bool heatmap_head = true;                       // whether the model predicts a heatmap; if not, heatmaps are zeros
  bool class_heatmaps = false;                    // whether it also predicts a heatmap of each class; it then has a
                                                  // heatmap head
  std::string training_split_sha256;              // a digest of the training split's cases
  std::string class_probs;                        // "softmax": they sum to 1; "sigmoid": each class by itself
  std::string threshold_rule;                     // how the thresholds were chosen, such as "Youden, chosen on
                                                  // validation"; empty if the file has none
  std::vector<std::optional<double>> thresholds;  // one per class, none where it could not be chosen; or no item. They
                                                  // do not change probabilities: see above_thresholds
  std::string model_sha256;                       // a digest of the whole archive, checked on loading
};

}  // namespace egaze
