// An exported model, ready to answer. No torch header is needed to use it.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "egaze/image.hpp"
#include "egaze/model_spec.hpp"

namespace egaze {

struct PredictorOptions {
  std::string device = "cpu";  // "cpu", "cuda" or "cuda:N"
  int threads = 0;             // for work inside one prediction, process-wide; 0 leaves libtorch's own choice
};

struct Prediction {
  std::vector<float> class_probs;  // one probability a class, in the order of ModelSpec::class_names
  std::vector<float> heatmap;      // heatmap_height * heatmap_width values in [0, 1], row by row, on the model's
                                   // input canvas (see ModelSpec::fit)
  std::size_t heatmap_height = 0;
  std::size_t heatmap_width = 0;
};

// Movable, not copyable. Use one per thread. The library never prints and never aborts.
class Predictor {
 public:
  // Throws Error(file_not_found), Error(bad_model_file), Error(device_unavailable) or Error(invalid_argument).
  explicit Predictor(const std::string& model_path, const PredictorOptions& options = {});
  ~Predictor();
  Predictor(Predictor&&) noexcept;
  Predictor& operator=(Predictor&&) noexcept;

  const ModelSpec& spec() const noexcept;

  // Places the film on the model's input and runs it. Pixels are in the MONOCHROME2 sense: float32 in [0, 1],
  // or integers that are divided by the largest value of their type.
  // Throws Error(invalid_argument) for a film without pixels or with values that are not finite, and
  // Error(bad_model_file) for a model that does not give what its spec promises.
  Prediction predict(const ImageView& film);

 private:
  struct Implementation;
  std::unique_ptr<Implementation> implementation_;
};

// The libtorch this library was built against, such as "2.14.1".
std::string torch_version();

}  // namespace egaze
