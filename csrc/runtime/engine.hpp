// The interface between the predictor and an engine that runs models.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

namespace egaze::detail {

// An output tensor of float32 values, row by row, which it owns.
struct EngineOutput {
  std::vector<std::int64_t> shape;
  std::shared_ptr<const float> values;
};

// The outputs of a model, unchecked: the predictor compares them with the model's spec.
struct EngineOutputs {
  EngineOutput class_probs;
  EngineOutput heatmaps;
  std::optional<EngineOutput> class_heatmaps = {};  // if they were asked for
};

// A model loaded on its device.
class Engine {
 public:
  Engine() = default;
  virtual ~Engine() = default;
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  // The largest number of images that one call of run should get; 0 if there is no limit.
  virtual std::size_t images_at_once() const = 0;

  // The number of threads that run uses.
  virtual int threads() const = 0;

  // Runs the model on `count` images of its input's size, which `fill` writes contiguously, row by row.
  // The heatmaps of the classes are among the outputs if the engine was made for them.
  // Rethrows what `fill` throws; throws a std::exception whose what() is one line if the model fails.
  virtual EngineOutputs run(std::size_t count, const std::function<void(float* images)>& fill) = 0;
};

}  // namespace egaze::detail
