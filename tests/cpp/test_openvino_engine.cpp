// The engine on OpenVINO, with a tiny model and its numbers.
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <numeric>
#include <string>
#include <vector>

#include "egaze/error.hpp"
#include "egaze/predictor.hpp"
#include "expect_throws.hpp"
#include "onnx_model.hpp"
#include "openvino/openvino_engine.hpp"
#include "tiny_onnx.hpp"

namespace egaze {
namespace {

std::string written(const std::string& name, const std::vector<unsigned char>& file) {
  const std::string path = (std::filesystem::temp_directory_path() / name).string();
  std::ofstream(path, std::ios::binary)
      .write(reinterpret_cast<const char*>(file.data()), static_cast<std::streamsize>(file.size()));
  return path;
}

// Asserts that a prediction is that of the tiny model for these pixels.
void expect_answers(const Prediction& prediction, const std::vector<float>& pixels, float tolerance) {
  const float mean = std::reduce(pixels.begin(), pixels.end()) / static_cast<float>(pixels.size());
  ASSERT_EQ(prediction.class_probs.size(), 1u);
  EXPECT_NEAR(prediction.class_probs[0], mean, tolerance);
  ASSERT_EQ(prediction.heatmap.size(), pixels.size());
  for (std::size_t i = 0; i < pixels.size(); ++i) {
    EXPECT_NEAR(prediction.heatmap[i], 1.0f / (1.0f + std::exp(-pixels[i])), tolerance);
  }
}

TEST(OpenVinoEngine, ComputesTheModel) {
  const std::string path = written("egaze_engine_test.onnx", tiny_onnx::file_of(tiny_onnx::graph()));
  std::vector<std::vector<float>> images(3, std::vector<float>(24));
  for (std::size_t i = 0; i < images.size(); ++i) {
    for (std::size_t at = 0; at < 24; ++at) images[i][at] = static_cast<float>(at * (i + 1)) / 96.0f;
  }
  std::vector<RadiographView> views;
  views.reserve(images.size());
  for (const std::vector<float>& image : images) {
    views.push_back({ImageView::dense(image.data(), PixelType::float32, 4, 6)});
  }
  for (const Precision precision : {Precision::exported, Precision::fp32, Precision::bf16}) {
    PredictorOptions options;
    options.engine = "openvino";
    options.precision = precision;
    options.threads = 1;
    Predictor predictor(path, options);
    const float tolerance = precision == Precision::bf16 ? 5e-3f : 1e-5f;
    const std::vector<Prediction> predictions = predictor.predict(views);
    for (std::size_t i = 0; i < images.size(); ++i) {
      expect_answers(predictions[i], images[i], tolerance);
      EXPECT_EQ(predictor.predict(views[i]).heatmap, predictions[i].heatmap);
    }
  }
  std::filesystem::remove(path);
}

TEST(OpenVinoEngine, HasTheThreadsThatAreAskedFor) {
  const detail::ModelArchive archive = detail::check_onnx_model("m.onnx", tiny_onnx::file_of(tiny_onnx::graph()));
  PredictorOptions options;
  options.threads = 1;
  EXPECT_EQ(detail::load_openvino(archive, options)->threads(), 1);
  options.threads = 0;
  EXPECT_GE(detail::load_openvino(archive, options)->threads(), 1);
}

TEST(OpenVinoEngine, RefusesOtherDevicesAndFiles) {
  const std::string path = written("egaze_refused_test.onnx", tiny_onnx::file_of(tiny_onnx::graph()));
  PredictorOptions options;
  options.device = "cuda";
  EXPECT_THROWS(Error, "device cuda: an ONNX model runs on the CPU only", Predictor(path, options));
  options.device = "abacus";
  EXPECT_THROWS(Error, "device must be", Predictor(path, options));
  options.device = "cpu";
  options.class_heatmaps = true;
  EXPECT_THROWS(Error, "no heatmap of each class", Predictor(path, options));
  options.class_heatmaps = false;
  options.engine = "torch";
  EXPECT_THROWS(Error, "the engine torch runs TorchScript files (.pt), not ONNX files", Predictor(path, options));
  options.engine = "openvino";
  EXPECT_THROWS(Error, "the engine openvino runs ONNX files (.onnx), not TorchScript", Predictor("m.pt", options));
  options.engine = "tensorrt";
  EXPECT_THROWS(Error, "engine must be \"torch\" or \"openvino\", got \"tensorrt\"", Predictor(path, options));
  std::filesystem::remove(path);
}

TEST(OpenVinoEngine, ReportsOutputsThatAreNotPromised) {
  detail::onnx::Graph graph = tiny_onnx::graph();
  graph.nodes[1].op_type = "Neg";  // of an image in [0, 1]
  const std::string path = written("egaze_negative_test.onnx", tiny_onnx::file_of(graph));
  Predictor predictor(path);
  const std::vector<float> image(24, 0.5f);
  const ImageView view = ImageView::dense(image.data(), PixelType::float32, 4, 6);
  EXPECT_THROWS(Error, "the model gave heatmap values outside [0, 1]", predictor.predict(view));
  std::filesystem::remove(path);
}

}  // namespace
}  // namespace egaze
