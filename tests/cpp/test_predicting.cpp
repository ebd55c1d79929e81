// The predictor with an engine that computes nothing: the inputs that it prepares and the outputs that it checks.
#include "predicting.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "egaze/error.hpp"
#include "expect_throws.hpp"

using namespace egaze;
using namespace egaze::detail;

namespace {

constexpr std::int64_t kHeight = 2, kWidth = 3, kPixels = kHeight * kWidth;

EngineOutput output(std::vector<std::int64_t> shape, std::vector<float> values) {
  const auto held = std::make_shared<std::vector<float>>(std::move(values));
  return {std::move(shape), {held, held->data()}};
}

// Returns the images as heatmaps, and the minimum and maximum of each as class probabilities.
class Echo final : public Engine {
 public:
  std::size_t images_at_once() const override { return at_once; }
  int threads() const override { return 1; }

  EngineOutputs run(std::size_t count, const std::function<void(float*)>& fill) override {
    runs.push_back(count);
    std::vector<float> images(count * kPixels), extremes;
    fill(images.data());
    for (std::size_t i = 0; i < count; ++i) {
      const auto begin = images.begin() + static_cast<std::ptrdiff_t>(i) * kPixels;
      const auto [least, greatest] = std::minmax_element(begin, begin + kPixels);
      extremes.insert(extremes.end(), {*least, *greatest});
    }
    const auto n = static_cast<std::int64_t>(count);
    EngineOutputs outputs = {output({n, 2}, extremes), output({n, 1, kHeight, kWidth}, images)};
    if (spoil) spoil(outputs);
    return outputs;
  }

  std::size_t at_once = 2;
  std::vector<std::size_t> runs;
  std::function<void(EngineOutputs&)> spoil;
};

ModelSpec spec() {
  ModelSpec spec;
  spec.class_names = {"least", "greatest"};
  spec.canvas_height_px = spec.input_height_px = kHeight;
  spec.canvas_width_px = spec.input_width_px = kWidth;
  return spec;
}

// Radiographs of one grey level each.
struct Radiographs {
  explicit Radiographs(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) levels.push_back(static_cast<std::uint8_t>(10 * i));
    for (const std::uint8_t& level : levels) radiographs.push_back({ImageView::dense(&level, PixelType::uint8, 1, 1)});
  }

  std::vector<std::uint8_t> levels;
  std::vector<RadiographView> radiographs;
};

}  // namespace

TEST(Predicting, SplitsABatchIntoRunsInOrder) {
  const Radiographs of(5);
  Echo engine;
  const std::vector<Prediction> predictions = predict(engine, spec(), "model.pt", of.radiographs);
  EXPECT_EQ(engine.runs, (std::vector<std::size_t>{2, 2, 1}));
  ASSERT_EQ(predictions.size(), 5u);
  for (std::size_t i = 0; i < 5; ++i) {
    const float level = static_cast<float>(10 * i) / 255.0f;
    ASSERT_EQ(predictions[i].heatmap.size(), static_cast<std::size_t>(kPixels));
    EXPECT_EQ(predictions[i].heatmap_height, 2u);
    EXPECT_EQ(predictions[i].heatmap_width, 3u);
    EXPECT_NEAR(predictions[i].class_probs.at(0), level, 1e-5f);
    EXPECT_NEAR(predictions[i].heatmap.back(), level, 1e-5f);
  }
  engine.runs.clear();
  engine.at_once = 0;
  EXPECT_EQ(predict(engine, spec(), "model.pt", of.radiographs).size(), 5u);
  EXPECT_EQ(engine.runs, std::vector<std::size_t>{5});
  EXPECT_TRUE(predict(engine, spec(), "model.pt", {}).empty());
  EXPECT_EQ(engine.runs.size(), 1u);
}

TEST(Predicting, ChecksTheOutputsOfTheEngine) {
  const Radiographs of(1);
  Echo engine;
  engine.spoil = [](EngineOutputs& outputs) { outputs.class_probs.shape = {2, 1}; };
  EXPECT_THROWS(Error, "model.pt: the model gave class probabilities of shape [2, 1], promised [1, 2]",
                predict(engine, spec(), "model.pt", of.radiographs));
  engine.spoil = [](EngineOutputs& outputs) { outputs.heatmaps.shape = {1, kHeight, kWidth}; };
  EXPECT_THROWS(Error, "heatmap values of shape [1, 2, 3], promised [1, 1, 2, 3]",
                predict(engine, spec(), "model.pt", of.radiographs));
  for (const float value : {std::numeric_limits<float>::infinity(), std::numeric_limits<float>::quiet_NaN()}) {
    engine.spoil = [value](EngineOutputs& outputs) {
      outputs.heatmaps = output({1, 1, kHeight, kWidth}, {0.0f, 0.0f, 0.0f, 0.0f, 0.0f, value});
    };
    EXPECT_THROWS(Error, "heatmap values that are not all finite", predict(engine, spec(), "model.pt", of.radiographs));
  }
  for (const float value : {-1e-3f, 1.001f, 1e30f}) {
    engine.spoil = [value](EngineOutputs& outputs) { outputs.class_probs = output({1, 2}, {value, 0.0f}); };
    EXPECT_THROWS(Error, "class probabilities outside [0, 1]", predict(engine, spec(), "model.pt", of.radiographs));
  }
  engine.spoil = [](EngineOutputs& outputs) { outputs.class_probs = output({1, 2}, {-0.0f, 1.0f}); };
  EXPECT_NO_THROW(predict(engine, spec(), "model.pt", of.radiographs));
}

TEST(Predicting, GivesAndChecksClassHeatmaps) {
  const Radiographs of(3);
  Echo engine;
  engine.spoil = [](EngineOutputs& outputs) {
    const std::int64_t count = outputs.heatmaps.shape[0];
    std::vector<float> values(static_cast<std::size_t>(count * 2 * kPixels));
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i) / 100.0f;
    outputs.class_heatmaps = output({count, 2, kHeight, kWidth}, values);
  };
  const std::vector<Prediction> predictions = predict(engine, spec(), "model.pt", of.radiographs);
  for (const std::size_t i : {0u, 1u}) {
    ASSERT_EQ(predictions[i].class_heatmaps.size(), static_cast<std::size_t>(2 * kPixels));
    EXPECT_FLOAT_EQ(predictions[i].class_heatmaps[7], static_cast<float>(i * 12 + 7) / 100.0f);
  }
  engine.spoil = [](EngineOutputs& outputs) { outputs.class_heatmaps = outputs.heatmaps; };
  EXPECT_THROWS(Error, "values of class heatmaps of shape [1, 1, 2, 3], promised [1, 2, 2, 3]",
                predict(engine, spec(), "model.pt", std::span(of.radiographs).first(1)));
  engine.spoil = [](EngineOutputs& outputs) {
    outputs.class_heatmaps = output({1, 2, kHeight, kWidth}, std::vector<float>(2 * kPixels, 1.5f));
  };
  EXPECT_THROWS(Error, "values of class heatmaps outside [0, 1]",
                predict(engine, spec(), "model.pt", std::span(of.radiographs).first(1)));
  engine.spoil = {};
  EXPECT_TRUE(predict(engine, spec(), "model.pt", of.radiographs).front().class_heatmaps.empty());
}

TEST(Predicting, NamesTheRadiographOfABatch) {
  Radiographs of(3);
  Echo engine;
  of.radiographs[2].pixels.data = nullptr;
  EXPECT_THROWS(Error, "radiograph 2 of the batch: the radiograph's pixels are a null pointer",
                predict(engine, spec(), "model.pt", of.radiographs));
  EXPECT_THROWS(Error, "the radiograph's pixels are",
                predict(engine, spec(), "model.pt", std::span(of.radiographs).subspan(2)));
}
