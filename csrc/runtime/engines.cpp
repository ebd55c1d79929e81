#include "engines.hpp"

#include <stdexcept>

#include "egaze/error.hpp"
#include "onnx_model.hpp"
#if EGAZE_HAVE_TORCH
#include "torchscript/torchscript_engine.hpp"
#endif
#if EGAZE_HAVE_OPENVINO
#include "openvino/openvino_engine.hpp"
#endif

namespace egaze::detail {
namespace {

constexpr bool kTorch = EGAZE_HAVE_TORCH, kOpenVino = EGAZE_HAVE_OPENVINO;

}  // namespace

void require_engine(const std::string& path, const PredictorOptions& options) {
  const bool onnx = is_onnx(path);
  const std::string needed = onnx ? "openvino" : "torch";
  const std::string& asked = options.engine;
  if (!asked.empty() && asked != "torch" && asked != "openvino") {
    throw Error(ErrorCode::invalid_argument, "engine must be \"torch\" or \"openvino\", got \"" + asked + "\"");
  }
  if (!asked.empty() && asked != needed) {
    throw Error(ErrorCode::invalid_argument,
                path + (onnx ? ": the engine torch runs TorchScript files (.pt), not ONNX files (.onnx)"
                             : ": the engine openvino runs ONNX files (.onnx), not TorchScript files (.pt)"));
  }
  if (!(onnx ? kOpenVino : kTorch)) {
    throw Error(ErrorCode::invalid_argument, path + ": the engine " + needed + ", which runs " +
                                                 (onnx ? "ONNX files" : "TorchScript files") +
                                                 ", is not built in; there is " + built_in_engines());
  }
}

std::unique_ptr<Engine> load_engine([[maybe_unused]] const std::string& path, const ModelArchive& archive,
                                    const PredictorOptions& options) {
#if EGAZE_HAVE_OPENVINO
  if (is_onnx(path)) return load_openvino(archive, options);
#endif
#if EGAZE_HAVE_TORCH
  if (!is_onnx(path)) return load_torchscript(path, archive, options);
#endif
  throw std::logic_error("the engine is not built in");
}

std::string built_in_engines() {
  std::string names;
#if EGAZE_HAVE_TORCH
  names = "torch " + torchscript_version();
#endif
#if EGAZE_HAVE_OPENVINO
  names += (names.empty() ? "openvino " : ", openvino ") + openvino_version();
#endif
  return names;
}

std::string built_in_torch() {
#if EGAZE_HAVE_TORCH
  return torchscript_version();
#else
  return "";
#endif
}

}  // namespace egaze::detail
