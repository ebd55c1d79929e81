// Runs an exported model on radiographs. This header needs no header of an engine.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "egaze/export.hpp"
#include "egaze/image.hpp"
#include "egaze/model_limits.hpp"
#include "egaze/model_spec.hpp"

namespace egaze {

// The precision of the model's computation. Inputs and predictions are float32 in any case.
enum class Precision {
  exported,  // that of the model file
  fp32,
  bf16  // weights and activations with 8 significant bits: faster on processors and GPUs that support bfloat16
};

struct StoredRadiograph;  // defined in egaze/radiograph.hpp

struct PredictorOptions {
  std::string device = "cpu";  // "cpu", "cuda" or "cuda:N"
  int threads = 0;             // threads within one prediction, in libtorch for the whole process; 0 keeps the engine's
                               // default

  // "torch" runs TorchScript files, "openvino" files named .onnx, on the CPU only. The file's suffix decides; naming the
  // engine makes a file of the other kind an Error(invalid_argument), as an engine that is not built in always is.
  std::string engine = {};

  Precision precision = Precision::exported;

  // Ed25519 public keys as PEM text ("-----BEGIN PUBLIC KEY-----"). With any, a model file that none of them signed is
  // refused. A build without OpenSSL refuses every file then: Error(invalid_argument).
  std::vector<std::string> trusted_keys = {};

  // How large the model's program may be; a larger one is refused: Error(model_operator). A limit that is not from 1 to
  // its largest value (kModelLimits) is an Error(invalid_argument).
  ModelLimits limits = {};

  // Also give a heatmap of each class (Prediction::class_heatmaps). A model whose spec has no class_heatmaps is refused:
  // Error(invalid_argument).
  bool class_heatmaps = false;

  // In libtorch on a CPU, reuse the memory of intermediate tensors from one radiograph to the next, in large pages. One radiograph
  // then takes .93 to .95 of the time (docs/inference.md), and the predictions are bit-identical.
  // Cost to the process: the first predictor with this option installs an allocator in front of libtorch's, which stays
  // until the process ends. Every CPU tensor of every thread then takes one more function call to allocate; an
  // allocator that the program installs later replaces this one; and no other thread may use libtorch while that first
  // predictor is constructed. Cost to the predictor: 32 MiB or more, held until it is destroyed. None of this matters
  // to a process that only predicts, such as egaze-run.
  bool tensor_arena = false;
};

// One radiograph of a batch.
struct RadiographView {
  ImageView pixels;
  // For integer pixels: value v means table[v], and a value past the end means the last entry. Entries lie in [0, 1],
  // in the MONOCHROME2 sense; see presentation_table. Without a table, values are divided by the maximum of their type.
  // The table is not copied: it must outlive the call.
  std::span<const float> table = {};
};

struct Prediction {
  std::vector<float> class_probs;  // one probability per class, in the order of ModelSpec::class_names
  std::vector<float> heatmap;      // heatmap_height * heatmap_width values in [0, 1], row by row; it has the size of
                                   // the model's input and covers the whole canvas
  std::size_t heatmap_height = 0;
  std::size_t heatmap_width = 0;
  std::vector<float> class_heatmaps =
      {};  // with PredictorOptions::class_heatmaps, the heatmap of each class, one after
           // another in the order of ModelSpec::class_names; otherwise empty
};

// A loaded model. Movable, not copyable; may be used by one thread at a time. The library never prints and never
// aborts.
class EGAZE_API Predictor {
 public:
  // Checks the whole file before any part of it is run.
  // Throws Error(file_not_found), Error(model_...), Error(device_unavailable) or Error(invalid_argument).
  explicit Predictor(const std::string& model_path, const PredictorOptions& options = {});
  ~Predictor();
  Predictor(Predictor&&) noexcept;
  Predictor& operator=(Predictor&&) noexcept;

  const ModelSpec& spec() const noexcept;

  // Places the radiograph on the canvas of the study that the model was trained on, resizes the canvas to the model's
  // input and runs the model (see ModelSpec). Pixels are in the MONOCHROME2 sense: float32 in [0, 1], or integers,
  // which are divided by the maximum of their type or looked up in the radiograph's table.
  // Throws Error(invalid_argument) if the radiograph has no pixels, a table that does not suit its pixel type, or
  // values that are not finite or lie outside [0, 1], and Error(model_failed) if the model fails or its outputs are not
  // what its spec promises.
  Prediction predict(const ImageView& radiograph);
  Prediction predict(const RadiographView& radiograph);
  Prediction predict(const StoredRadiograph& radiograph);  // from read_stored with spec().presentation

  // Predicts several radiographs in one batch and returns one prediction per radiograph, in order. A batch may be
  // computed in another order of operations than a single radiograph, so the last digits may differ. Throws like the
  // functions above; messages name the radiograph by its index, counted from 0.
  std::vector<Prediction> predict(std::span<const RadiographView> radiographs);

 private:
  struct EGAZE_LOCAL Implementation;
  std::unique_ptr<Implementation> implementation_;
};

// Whether each class's probability is at least its threshold, in the order of the classes; none for a class without a
// threshold. Empty if the model file has no thresholds.
EGAZE_API std::vector<std::optional<bool>> above_thresholds(const ModelSpec& spec, std::span<const float> class_probs);

// The engines that are built in, with the versions that this library was built against, such as "torch 2.14.1, openvino
// 2026.4.1".
EGAZE_API std::string engine_versions();

// The version of the libtorch that this library was built against, such as "2.14.1"; "" if it was built without.
EGAZE_API std::string torch_version();

}  // namespace egaze
