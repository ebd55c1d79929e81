#include "egaze/predictor.hpp"

#include <utility>

#include "answering.hpp"
#include "egaze/error.hpp"
#include "egaze/radiograph.hpp"
#include "engine.hpp"
#include "model_archive.hpp"
#include "torchscript/torchscript_engine.hpp"

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
    detail::ModelArchive archive = detail::read_model_archive(model_path);
    std::unique_ptr<detail::Engine> engine = detail::load_torchscript(model_path, archive, options);
    implementation_ =
        std::make_unique<Implementation>(Implementation{model_path, std::move(archive.spec), std::move(engine)});
  } catch (const Error&) {
    throw;
  } catch (const std::exception& error) {
    throw Error(ErrorCode::model_failed, model_path + ": " + error.what());
  }
}

Predictor::~Predictor() = default;
Predictor::Predictor(Predictor&&) noexcept = default;
Predictor& Predictor::operator=(Predictor&&) noexcept = default;

const ModelSpec& Predictor::spec() const noexcept { return implementation_->spec; }

Prediction Predictor::predict(const ImageView& film) { return predict(Film{film}); }

Prediction Predictor::predict(const Film& film) { return std::move(predict(std::span(&film, 1)).front()); }

Prediction Predictor::predict(const StoredFilm& film) { return predict(Film{film.view(), film.table}); }

std::vector<Prediction> Predictor::predict(std::span<const Film> films) {
  Implementation& self = *implementation_;
  try {
    return detail::answer(*self.engine, self.spec, self.path, films);
  } catch (const Error&) {
    throw;
  } catch (const std::exception& error) {
    throw Error(ErrorCode::model_failed, self.path + ": the model failed: " + error.what());
  }
}

std::string torch_version() { return detail::torchscript_version(); }

}  // namespace egaze
