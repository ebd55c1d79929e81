#include "predicting.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "egaze/error.hpp"
#include "egaze/placing.hpp"

namespace egaze::detail {
namespace {

bool all_within_0_1(std::span<const float> values) {
  // Without an early exit, so that the compiler vectorizes the loop.
  std::uint32_t beyond = 0;
  for (const float value : values) beyond |= !(value >= 0.0f && value <= 1.0f);
  return beyond == 0;
}

std::string text_of(const std::vector<std::int64_t>& shape) {
  std::string text;
  for (const std::int64_t size : shape) text += (text.empty() ? "" : ", ") + std::to_string(size);
  return "[" + text + "]";
}

// Places the radiograph on the study's canvas and resizes that to the model's input.
void place(const RadiographView& radiograph, const ModelSpec& spec, int threads, float* input) {
  const ImageView& pixels = radiograph.pixels;
  if (pixels.data == nullptr) throw Error(ErrorCode::invalid_argument, "the radiograph's pixels are a null pointer");
  const std::size_t height = spec.canvas_height_px, width = spec.canvas_width_px;
  const FitRectangle where = fit_rectangle(pixels.height, pixels.width, height, width, spec.fit);
  std::vector<std::uint16_t> canvas(height * width);
  place_on_canvas(pixels, radiograph.table, where, height, width, threads, canvas.data());
  to_input(canvas.data(), height, width, spec.input_height_px, spec.input_width_px, input);
}

// Checks the shape and the values of an output and returns its values, image by image.
const float* checked(const EngineOutput& output, const std::vector<std::int64_t>& promised, const std::string& name,
                     const std::string& path) {
  const auto fail = [&](const std::string& what) {
    throw Error(ErrorCode::model_failed, path + ": the model gave " + name + what);
  };
  if (output.shape != promised) fail(" of shape " + text_of(output.shape) + ", promised " + text_of(promised));
  std::size_t count = 1;
  for (const std::int64_t size : promised) count *= static_cast<std::size_t>(size);
  const std::span<const float> values(output.values.get(), count);
  if (!all_within_0_1(values)) {
    const bool finite = std::ranges::all_of(values, [](float value) { return std::isfinite(value); });
    fail(finite ? " outside [0, 1]" : " that are not all finite numbers");
  }
  return output.values.get();
}

void unpack(const EngineOutputs& outputs, const ModelSpec& spec, const std::string& path,
            std::span<Prediction> predictions) {
  const std::size_t classes = spec.class_names.size(), height = spec.input_height_px, width = spec.input_width_px;
  const auto size = [](std::size_t value) { return static_cast<std::int64_t>(value); };
  const std::int64_t count = size(predictions.size());
  const float* probs = checked(outputs.class_probs, {count, size(classes)}, "class probabilities", path);
  const float* heatmap = checked(outputs.heatmaps, {count, 1, size(height), size(width)}, "heatmap values", path);
  const float* of_classes = nullptr;
  if (outputs.class_heatmaps) {
    const std::vector<std::int64_t> promised = {count, size(classes), size(height), size(width)};
    of_classes = checked(*outputs.class_heatmaps, promised, "values of class heatmaps", path);
  }
  for (Prediction& prediction : predictions) {
    prediction.class_probs.assign(probs, probs + classes);
    prediction.heatmap.assign(heatmap, heatmap + height * width);
    prediction.heatmap_height = height;
    prediction.heatmap_width = width;
    probs += classes;
    heatmap += height * width;
    if (of_classes == nullptr) continue;
    prediction.class_heatmaps.assign(of_classes, of_classes + classes * height * width);
    of_classes += classes * height * width;
  }
}

}  // namespace

std::vector<Prediction> predict(Engine& engine, const ModelSpec& spec, const std::string& path,
                                std::span<const RadiographView> radiographs) {
  std::vector<Prediction> predictions(radiographs.size());
  const std::size_t at_once = engine.images_at_once() == 0 ? radiographs.size() : engine.images_at_once();
  for (std::size_t begin = 0; begin < radiographs.size(); begin += at_once) {
    const std::size_t count = std::min(at_once, radiographs.size() - begin);
    const EngineOutputs outputs = engine.run(count, [&](float* images) {
      for (std::size_t i = begin; i < begin + count; ++i, images += spec.input_height_px * spec.input_width_px) {
        try {
          place(radiographs[i], spec, engine.threads(), images);
        } catch (const Error& error) {
          if (radiographs.size() == 1) throw;
          throw Error(error.code(), "radiograph " + std::to_string(i) + " of the batch: " + error.what());
        }
      }
    });
    unpack(outputs, spec, path, std::span(predictions).subspan(begin, count));
  }
  return predictions;
}

}  // namespace egaze::detail
