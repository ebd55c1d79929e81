#include "egaze/predictor.hpp"

#include <algorithm>
#include <utility>

#include "predicting.hpp"
#include "egaze/error.hpp"
#include "egaze/radiograph.hpp"
#include "engines.hpp"
#include "model_archive.hpp"
#include "onnx_model.hpp"
#include "trusted_keys.hpp"

namespace egaze {

struct Predictor::Implementation {
  std::string path;
  ModelSpec spec;
  std::unique_ptr<detail::Engine> engine;
};

Predictor::Predictor(const std::string& model_path, const PredictorOptions& options) {
  if (options.threads < 0) {
    throw Error(ErrorCode::invalid_argument, "threads must be at least 0, got " + std::to_string(options.threads));
  }
  try {
    detail::require_engine(model_path, options);
    detail::ModelArchive archive = detail::read_model(model_path, options.limits);
    detail::require_trusted(model_path, archive, options.trusted_keys);
    if (options.class_heatmaps && !archive.spec.class_heatmaps) {
      throw Error(
          ErrorCode::invalid_argument,
          model_path + ": the model gives no heatmap of each class; one of a recipe with one heatmap per class does");
    }
    std::unique_ptr<detail::Engine> engine = detail::load_engine(model_path, archive, options);
    implementation_ =
        std::make_unique<Implementation>(Implementation{model_path, std::move(archive.spec), std::move(engine)});
  } catch (const Error&) {
    throw;
  } catch (const std::exception& error) {
    throw Error(ErrorCode::model_failed, model_path + ": " + error.what());
  } catch (...) {
    throw Error(ErrorCode::model_failed, model_path + ": an error of an unknown kind");
  }
}

Predictor::~Predictor() = default;
Predictor::Predictor(Predictor&&) noexcept = default;
Predictor& Predictor::operator=(Predictor&&) noexcept = default;

const ModelSpec& Predictor::spec() const noexcept { return implementation_->spec; }

Prediction Predictor::predict(const ImageView& radiograph) { return predict(RadiographView{radiograph}); }

Prediction Predictor::predict(const RadiographView& radiograph) {
  return std::move(predict(std::span(&radiograph, 1)).front());
}

Prediction Predictor::predict(const StoredRadiograph& radiograph) {
  return predict(RadiographView{radiograph.view(), radiograph.table});
}

std::vector<Prediction> Predictor::predict(std::span<const RadiographView> radiographs) {
  Implementation& self = *implementation_;
  try {
    return detail::predict(*self.engine, self.spec, self.path, radiographs);
  } catch (const Error&) {
    throw;
  } catch (const std::exception& error) {
    throw Error(ErrorCode::model_failed, self.path + ": the model failed: " + error.what());
  } catch (...) {
    throw Error(ErrorCode::model_failed, self.path + ": the model failed: an error of an unknown kind");
  }
}

std::vector<std::optional<bool>> above_thresholds(const ModelSpec& spec, std::span<const float> class_probs) {
  std::vector<std::optional<bool>> above;
  for (std::size_t i = 0; i < std::min(spec.thresholds.size(), class_probs.size()); ++i) {
    const std::optional<double>& threshold = spec.thresholds[i];
    above.push_back(threshold ? std::optional(static_cast<double>(class_probs[i]) >= *threshold) : std::nullopt);
  }
  return above;
}

std::string torch_version() { return detail::built_in_torch(); }

std::string engine_versions() { return detail::built_in_engines(); }

}  // namespace egaze
