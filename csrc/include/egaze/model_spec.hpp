// What an exported model says of itself: the archive's extra file "egaze_spec.json".
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "egaze/fit.hpp"
#include "egaze/radiograph.hpp"

namespace egaze {

inline constexpr int kModelFormatVersion = 3;

struct ModelSpec {
  int format_version = 0;
  std::string egaze_version;                      // of the egaze that exported it
  std::string torch_version;                      // of the torch that exported it
  std::string recipe;                             // how it was trained, such as "joint"
  std::string precision;                          // what it computes in: "fp32" or "bf16"
  Presentation presentation = Presentation::voi;  // how radiograph pixels become [0, 1]: pass it to read_stored
  Fit fit = Fit::stretch;                         // how a radiograph is placed on the canvas
  std::size_t canvas_height_px = 0;               // 1 to 4096: the study's image, which a radiograph is placed on and
  std::size_t canvas_width_px = 0;                // which then is brought to the model's input
  std::size_t input_height_px = 0;                // 1 to 4096
  std::size_t input_width_px = 0;                 // 1 to 4096
  std::vector<std::string> class_names;           // at least one, all different
  bool heatmap_head = true;                       // whether the heatmap is a prediction; it is zeros when not
  std::string training_split_sha256;              // which radiographs it learned from
  std::string class_probs;                        // "softmax": they sum to 1; "sigmoid": each class on its own
  std::string model_sha256;                       // over the whole archive; checked on loading
};

}  // namespace egaze
