#include "openvino/openvino_engine.hpp"

#include <algorithm>
#include <cstdint>
#include <stdexcept>
#include <thread>

#include <openvino/core/version.hpp>
#include <openvino/openvino.hpp>

#include "egaze/error.hpp"
#include "one_line.hpp"
#include "onnx/graph.hpp"

namespace egaze::detail {
namespace {

ov::AnyMap properties_of(const PredictorOptions& options) {
  const bool bf16 = options.precision == Precision::bf16;
  ov::AnyMap properties = {
      ov::num_streams(1), ov::hint::inference_precision(bf16 ? ov::element::bf16 : ov::element::f32),
      ov::hint::execution_mode(bf16 ? ov::hint::ExecutionMode::PERFORMANCE : ov::hint::ExecutionMode::ACCURACY)};
  if (options.threads > 0) properties.insert(ov::inference_num_threads(options.threads));
  return properties;
}

// The model of a file for one image, whose fixed shape lets OpenVINO choose its programs beforehand.
ov::CompiledModel compiled(ov::Core& core, const ModelArchive& archive, const PredictorOptions& options) {
  const std::string file(archive.bytes.begin(), archive.bytes.end());
  const std::shared_ptr<ov::Model> model = core.read_model(file, ov::Tensor());
  model->reshape(ov::PartialShape{1, 1, static_cast<std::int64_t>(archive.spec.input_height_px),
                                  static_cast<std::int64_t>(archive.spec.input_width_px)});
  return core.compile_model(model, "CPU", properties_of(options));
}

// A copy, which the next run does not change.
EngineOutput output_of(const ov::Tensor& tensor, const char* name) {
  if (tensor.get_element_type() != ov::element::f32) {
    throw std::runtime_error("it gave " + std::string(name) + " of type " + tensor.get_element_type().get_type_name() +
                             ", promised f32");
  }
  const ov::Shape& shape = tensor.get_shape();
  const std::shared_ptr<float[]> values(new float[tensor.get_size()]);
  std::copy_n(tensor.data<const float>(), tensor.get_size(), values.get());
  return {{shape.begin(), shape.end()}, {values, values.get()}};
}

class OpenVinoEngine final : public Engine {
 public:
  OpenVinoEngine(const ModelArchive& archive, const PredictorOptions& options)
      : model_(compiled(core_, archive, options)),
        request_(model_.create_infer_request()),
        class_heatmaps_(options.class_heatmaps) {}

  std::size_t images_at_once() const override { return 1; }

  int threads() const override {
    const int threads = model_.get_property(ov::inference_num_threads);
    return threads > 0 ? threads : static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
  }

  EngineOutputs run(std::size_t count, const std::function<void(float*)>& fill) override {
    if (count != images_at_once()) throw std::logic_error("it takes one image at a time");
    fill(request_.get_input_tensor().data<float>());
    try {
      request_.infer();
      EngineOutputs given = {output_of(request_.get_tensor(onnx::kClassProbs), "class probabilities"),
                             output_of(request_.get_tensor(onnx::kHeatmap), "heatmap values")};
      if (class_heatmaps_) {
        given.class_heatmaps = output_of(request_.get_tensor(onnx::kClassHeatmaps), "values of class heatmaps");
      }
      return given;
    } catch (const std::exception& error) {
      throw std::runtime_error(one_line(std::string(error.what())));
    }
  }

 private:
  ov::Core core_;
  ov::CompiledModel model_;
  ov::InferRequest request_;
  bool class_heatmaps_;
};

}  // namespace

std::unique_ptr<Engine> load_openvino(const ModelArchive& archive, const PredictorOptions& options) {
  const std::string& device = options.device;
  if (device != "cpu" && device != "cuda" && !device.starts_with("cuda:")) {
    throw Error(ErrorCode::invalid_argument, R"(device must be "cpu", "cuda" or "cuda:N", got ")" + device + '"');
  }
  if (device != "cpu") {
    throw Error(ErrorCode::device_unavailable,
                "device " + device + ": an ONNX model runs on the CPU only, unlike a TorchScript model (.pt)");
  }
  try {
    return std::make_unique<OpenVinoEngine>(archive, options);
  } catch (const std::exception& error) {
    throw std::runtime_error(one_line(std::string(error.what())));
  }
}

std::string openvino_version() {
  return std::to_string(OPENVINO_VERSION_MAJOR) + "." + std::to_string(OPENVINO_VERSION_MINOR) + "." +
         std::to_string(OPENVINO_VERSION_PATCH);
}

}  // namespace egaze::detail
