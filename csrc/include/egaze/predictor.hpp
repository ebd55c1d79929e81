// An exported model, ready to answer. No torch header is needed to use it.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "egaze/export.hpp"
#include "egaze/image.hpp"
#include "egaze/model_limits.hpp"
#include "egaze/model_spec.hpp"

namespace egaze {

// What the model computes in. Radiographs and answers are float32 whichever it is.
enum class Precision {
  exported,  // what the model file was exported in
  fp32,
  bf16  // weights and activations of 8 bits' precision: faster where the processor or GPU computes in them
};

struct StoredRadiograph;  // of egaze/radiograph.hpp

struct PredictorOptions {
  std::string device = "cpu";  // "cpu", "cuda" or "cuda:N"
  int threads = 0;             // for work inside one prediction, process-wide; 0 leaves libtorch's
                               // own choice
  Precision precision = Precision::exported;

  // Ed25519 public keys as PEM text ("-----BEGIN PUBLIC KEY-----"). With any, a model file that none of them signed is
  // refused. A build without OpenSSL refuses every file then: Error(invalid_argument).
  std::vector<std::string> trusted_keys = {};

  // How large the model's program may be; a larger one is refused: Error(model_operator).
  ModelLimits limits = {};

  // On a CPU, keep the memory of what is computed on the way for the next radiograph, in large pages: .93 to .95 of the
  // time for one radiograph (docs/inference.md). The answers are the same, to the last bit.
  // It costs the process: from the first predictor with this option to the end an allocator stands before libtorch's
  // own, so that each CPU tensor of any thread is made through one more call; one that the program sets later takes its
  // place; and no other thread may use libtorch while that first predictor is made. It costs the predictor 32 MiB or
  // more, which it holds until it is destroyed. A program of its own, as egaze-run, has nothing to lose by it.
  bool tensor_arena = false;
};

// One radiograph of a batch.
struct RadiographView {
  ImageView pixels;
  // For integer pixels: value v stands for table[v], a value past the end for the last entry, both in [0, 1] and in
  // the MONOCHROME2 sense; see presentation_table. Without one a value is divided by the largest of its type. The
  // values are the caller's and must outlive the call.
  std::span<const float> table = {};
};

struct Prediction {
  std::vector<float> class_probs;  // one probability a class, in the order of ModelSpec::class_names
  std::vector<float> heatmap;      // heatmap_height * heatmap_width values in [0, 1], row by row, on the model's
                                   // input, the whole canvas that the radiograph is placed on
  std::size_t heatmap_height = 0;
  std::size_t heatmap_width = 0;
};

// Movable, not copyable. Use one per thread. The library never prints and never aborts.
class EGAZE_API Predictor {
 public:
  // Checks the whole file before anything of it runs.
  // Throws Error(file_not_found), Error(model_...), Error(device_unavailable) or Error(invalid_argument).
  explicit Predictor(const std::string& model_path, const PredictorOptions& options = {});
  ~Predictor();
  Predictor(Predictor&&) noexcept;
  Predictor& operator=(Predictor&&) noexcept;

  const ModelSpec& spec() const noexcept;

  // Places the radiograph as its study was prepared, brings that to the model's input and runs it (see ModelSpec).
  // Pixels are in the MONOCHROME2 sense: float32 in [0, 1],
  // or integers that are divided by the largest value of their type, or that stand for what the radiograph's table
  // says. Throws Error(invalid_argument) for a radiograph without pixels, with a table it cannot have, or with floats
  // that are not finite or lie outside of [0, 1], and Error(model_failed) for a model that does not give what its spec
  // promises.
  Prediction predict(const ImageView& radiograph);
  Prediction predict(const RadiographView& radiograph);
  Prediction predict(const StoredRadiograph& radiograph);  // as read_stored reads it with the model's presentation

  // Runs several radiographs at once: one prediction a radiograph, in their order. A batch may be computed in another
  // order than a radiograph alone, so that the last digits differ. Throws as for one radiograph; a message names the
  // radiograph by its place from 0.
  std::vector<Prediction> predict(std::span<const RadiographView> radiographs);

 private:
  struct EGAZE_LOCAL Implementation;
  std::unique_ptr<Implementation> implementation_;
};

// The libtorch this library was built against, such as "2.14.1".
EGAZE_API std::string torch_version();

}  // namespace egaze
