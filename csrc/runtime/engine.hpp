// What the predictor asks of an engine that runs models.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

namespace egaze::detail {

// float32 values, row by row; they live as long as they are held.
struct EngineOutput {
  std::vector<std::int64_t> shape;
  std::shared_ptr<const float> values;
};

// As the model gave them: whether they are what its spec promises is for the predictor to check.
struct EngineOutputs {
  EngineOutput class_probs;
  EngineOutput heatmaps;
};

// A loaded model on its device.
class Engine {
 public:
  Engine() = default;
  virtual ~Engine() = default;
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  // The most images that a run should be given; 0 for any number.
  virtual std::size_t images_at_once() const = 0;

  // The threads that a run uses.
  virtual int threads() const = 0;

  // Runs the model on `count` images of its input's size, which `fill` writes one after the other, row by row.
  // Throws what `fill` throws, and std::exception, whose what() is one line, for what fails within.
  virtual EngineOutputs run(std::size_t count, const std::function<void(float* images)>& fill) = 0;
};

}  // namespace egaze::detail
