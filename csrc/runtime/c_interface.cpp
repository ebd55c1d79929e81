// The C interface: converts values and errors between C++ and C, and lets no exception escape.
#include <algorithm>
#include <exception>
#include <limits>
#include <new>
#include <span>
#include <string>
#include <vector>

#include "egaze/egaze.h"
#include "egaze/error.hpp"
#include "egaze/predictor.hpp"
#include "egaze/radiograph.hpp"

struct egaze_predictor {
  egaze::Predictor predictor;
  bool class_heatmaps;
  std::string radiograph_notes;
};

namespace {

using namespace egaze;

static_assert(static_cast<int>(ErrorCode::invalid_argument) + 1 == EGAZE_INVALID_ARGUMENT);
static_assert(static_cast<int>(ErrorCode::model_failed) + 1 == EGAZE_MODEL_FAILED);
static_assert(static_cast<int>(ErrorCode::model_failed) + 1 == static_cast<int>(ErrorCode::model_signature));
static_assert(static_cast<int>(PixelType::float32) == EGAZE_FLOAT32);
static_assert(static_cast<int>(Precision::bf16) == EGAZE_PRECISION_BF16);

// The codes in their order, one after another; those that came later have the numbers behind C's own.
egaze_status status_of(ErrorCode code) {
  return code == ErrorCode::model_signature ? EGAZE_MODEL_SIGNATURE
                                            : static_cast<egaze_status>(static_cast<int>(code) + 1);
}

thread_local std::string last_error;

egaze_status failed(egaze_status status, const char* message) noexcept {
  try {
    last_error = detail::on_one_line(message);
  } catch (...) {
    last_error.clear();
  }
  return status;
}

template <class Work>
egaze_status guarded(const Work& work) noexcept {
  try {
    work();
    return EGAZE_OK;
  } catch (const Error& error) {
    return failed(status_of(error.code()), error.what());
  } catch (const std::bad_alloc&) {
    return failed(EGAZE_OUT_OF_MEMORY, "there is not enough memory");
  } catch (const std::exception& error) {
    return failed(EGAZE_INTERNAL, error.what());
  } catch (...) {
    return failed(EGAZE_INTERNAL, "an unknown error");
  }
}

void require(bool fits, const char* what) {
  if (!fits) throw Error(ErrorCode::invalid_argument, what);
}

RadiographView radiograph_of(const egaze_radiograph& radiograph) {
  require(radiograph.type >= EGAZE_UINT8 && radiograph.type <= EGAZE_FLOAT32,
          "a radiograph's type must be EGAZE_UINT8, EGAZE_UINT16 or EGAZE_FLOAT32");
  require(radiograph.table != nullptr || radiograph.table_size == 0,
          "a radiograph's table is NULL but its table_size is not 0");
  return {{radiograph.data, static_cast<PixelType>(radiograph.type), radiograph.height, radiograph.width,
           radiograph.row_stride_bytes, radiograph.column_stride_bytes},
          {radiograph.table, radiograph.table_size}};
}

std::vector<std::string> texts_of(const char* const* keys, std::size_t count) {
  require(keys != nullptr || count == 0, "trusted_keys is NULL but trusted_key_count is not 0");
  for (const char* key : std::span(keys, count)) require(key != nullptr, "a trusted key is NULL");
  return {keys, keys + count};
}

ModelLimits limits_of(const egaze_model_limits& limits) {
  ModelLimits chosen;
  if (limits.nodes != 0) chosen.nodes = limits.nodes;
  if (limits.nesting != 0) chosen.nesting = limits.nesting;
  if (limits.bytes_at_work != 0) chosen.bytes_at_work = limits.bytes_at_work;
  if (limits.multiplications != 0) chosen.multiplications = limits.multiplications;
  return chosen;
}

// The memory to which predictions are copied; only class_probs must not be NULL.
struct Destinations {
  float* class_probs;
  float* heatmaps;
  float* class_heatmaps = nullptr;
};

void copy_predictions(const std::vector<Prediction>& predictions, Destinations to) {
  for (const Prediction& prediction : predictions) {
    to.class_probs = std::ranges::copy(prediction.class_probs, to.class_probs).out;
    if (to.heatmaps != nullptr) to.heatmaps = std::ranges::copy(prediction.heatmap, to.heatmaps).out;
    if (to.class_heatmaps != nullptr) {
      to.class_heatmaps = std::ranges::copy(prediction.class_heatmaps, to.class_heatmaps).out;
    }
  }
}

void require_class_heatmaps(const egaze_predictor* predictor, const float* class_heatmaps) {
  require(class_heatmaps != nullptr, "class_heatmaps must not be NULL");
  require(predictor == nullptr || predictor->class_heatmaps, "the predictor was not created with EGAZE_CLASS_HEATMAPS");
}

void predict(egaze_predictor* predictor, const egaze_radiograph* radiographs, size_t count, Destinations to) {
  require(predictor != nullptr && to.class_probs != nullptr, "predictor and class_probs must not be NULL");
  require(radiographs != nullptr || count == 0, "radiographs must not be NULL");
  std::vector<RadiographView> batch;
  for (const egaze_radiograph& radiograph : std::span(radiographs, count)) batch.push_back(radiograph_of(radiograph));
  copy_predictions(predictor->predictor.predict(batch), to);
}

void predict_file(egaze_predictor* predictor, const char* image_path, Destinations to) {
  require(predictor != nullptr && image_path != nullptr && to.class_probs != nullptr,
          "predictor, image_path and class_probs must not be NULL");
  predictor->radiograph_notes.clear();
  const StoredRadiograph radiograph = read_stored(image_path, predictor->predictor.spec().presentation);
  for (const std::string& note : radiograph.notes) {
    predictor->radiograph_notes += (predictor->radiograph_notes.empty() ? "" : "\n") + note;
  }
  copy_predictions({predictor->predictor.predict(radiograph)}, to);
}

}  // namespace

const char* egaze_version(void) { return EGAZE_VERSION; }

const char* egaze_torch_version(void) {
  static const std::string version = torch_version();
  return version.c_str();
}

const char* egaze_engine_versions(void) {
  static const std::string versions = engine_versions();
  return versions.c_str();
}

const char* egaze_status_name(egaze_status status) {
  switch (status) {
    case EGAZE_OK: return "ok";
    case EGAZE_OUT_OF_MEMORY: return "out_of_memory";
    case EGAZE_INTERNAL: return "internal";
    case EGAZE_MODEL_SIGNATURE: return error_name(ErrorCode::model_signature);
    default: return error_name(static_cast<ErrorCode>(static_cast<int>(status) - 1));
  }
}

const char* egaze_last_error(void) { return last_error.c_str(); }

egaze_status egaze_create(const char* model_path, const egaze_options* options, egaze_predictor** predictor) {
  return egaze_create_with_flags(model_path, options, 0, predictor);
}

egaze_status egaze_create_with_flags(const char* model_path, const egaze_options* options, unsigned flags,
                                     egaze_predictor** predictor) {
  return egaze_create_checked(model_path, options, flags, nullptr, predictor);
}

egaze_status egaze_create_checked(const char* model_path, const egaze_options* options, unsigned flags,
                                  const egaze_checks* checks, egaze_predictor** predictor) {
  if (predictor != nullptr) *predictor = nullptr;
  return guarded([&] {
    require(model_path != nullptr && predictor != nullptr, "model_path and predictor must not be NULL");
    constexpr unsigned engines = unsigned{EGAZE_ENGINE_TORCH} | unsigned{EGAZE_ENGINE_OPENVINO};
    constexpr unsigned known = unsigned{EGAZE_TENSOR_ARENA} | unsigned{EGAZE_CLASS_HEATMAPS} | engines;
    require((flags & ~known) == 0, "flags has a bit that this version of egaze does not know");
    require((flags & engines) != engines, "flags names two engines");
    PredictorOptions chosen;
    chosen.tensor_arena = (flags & EGAZE_TENSOR_ARENA) != 0;
    if ((flags & EGAZE_ENGINE_TORCH) != 0) chosen.engine = "torch";
    if ((flags & EGAZE_ENGINE_OPENVINO) != 0) chosen.engine = "openvino";
    chosen.class_heatmaps = (flags & EGAZE_CLASS_HEATMAPS) != 0;
    if (checks != nullptr) {
      chosen.trusted_keys = texts_of(checks->trusted_keys, checks->trusted_key_count);
      chosen.limits = limits_of(checks->limits);
    }
    if (options != nullptr) {
      require(options->precision >= EGAZE_PRECISION_EXPORTED && options->precision <= EGAZE_PRECISION_BF16,
              "precision must be EGAZE_PRECISION_EXPORTED, EGAZE_PRECISION_FP32 or EGAZE_PRECISION_BF16");
      if (options->device != nullptr) chosen.device = options->device;
      chosen.threads = options->threads;
      chosen.precision = static_cast<Precision>(options->precision);
    }
    *predictor = new egaze_predictor{Predictor(model_path, chosen), chosen.class_heatmaps, {}};
  });
}

void egaze_free(egaze_predictor* predictor) { delete predictor; }

size_t egaze_class_count(const egaze_predictor* predictor) {
  return predictor == nullptr ? 0 : predictor->predictor.spec().class_names.size();
}

const char* egaze_class_name(const egaze_predictor* predictor, size_t index) {
  return index < egaze_class_count(predictor) ? predictor->predictor.spec().class_names[index].c_str() : nullptr;
}

const char* egaze_label_kind(const egaze_predictor* predictor) {
  return predictor == nullptr ? "" : predictor->predictor.spec().label_kind.c_str();
}

double egaze_class_threshold(const egaze_predictor* predictor, size_t index) {
  constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
  if (predictor == nullptr || index >= predictor->predictor.spec().thresholds.size()) return kNone;
  return predictor->predictor.spec().thresholds[index].value_or(kNone);
}

const char* egaze_threshold_rule(const egaze_predictor* predictor) {
  return predictor == nullptr ? "" : predictor->predictor.spec().threshold_rule.c_str();
}

size_t egaze_heatmap_height(const egaze_predictor* predictor) {
  return predictor == nullptr ? 0 : predictor->predictor.spec().input_height_px;
}

size_t egaze_heatmap_width(const egaze_predictor* predictor) {
  return predictor == nullptr ? 0 : predictor->predictor.spec().input_width_px;
}

int egaze_has_heatmap(const egaze_predictor* predictor) {
  return predictor != nullptr && predictor->predictor.spec().heatmap_head ? 1 : 0;
}

int egaze_has_class_heatmaps(const egaze_predictor* predictor) {
  return predictor != nullptr && predictor->predictor.spec().class_heatmaps ? 1 : 0;
}

egaze_status egaze_predict(egaze_predictor* predictor, const egaze_radiograph* radiographs, size_t count,
                           float* class_probs, float* heatmaps) {
  return guarded([&] { predict(predictor, radiographs, count, {class_probs, heatmaps}); });
}

egaze_status egaze_predict_class_heatmaps(egaze_predictor* predictor, const egaze_radiograph* radiographs, size_t count,
                                          float* class_probs, float* heatmaps, float* class_heatmaps) {
  return guarded([&] {
    require_class_heatmaps(predictor, class_heatmaps);
    predict(predictor, radiographs, count, {class_probs, heatmaps, class_heatmaps});
  });
}

egaze_status egaze_predict_file(egaze_predictor* predictor, const char* image_path, float* class_probs,
                                float* heatmap) {
  return guarded([&] { predict_file(predictor, image_path, {class_probs, heatmap}); });
}

egaze_status egaze_predict_file_class_heatmaps(egaze_predictor* predictor, const char* image_path, float* class_probs,
                                               float* heatmap, float* class_heatmaps) {
  return guarded([&] {
    require_class_heatmaps(predictor, class_heatmaps);
    predict_file(predictor, image_path, {class_probs, heatmap, class_heatmaps});
  });
}

const char* egaze_radiograph_notes(const egaze_predictor* predictor) {
  return predictor == nullptr ? "" : predictor->radiograph_notes.c_str();
}

egaze_status egaze_presentation_table(const egaze_predictor* predictor, const egaze_radiograph* stored,
                                      const egaze_grayscale* grayscale, float* table) {
  return guarded([&] {
    require(predictor != nullptr && stored != nullptr && grayscale != nullptr && table != nullptr,
            "predictor, stored, grayscale and table must not be NULL");
    StoredGrayscale attributes;
    attributes.rescale_slope = grayscale->rescale_slope;
    attributes.rescale_intercept = grayscale->rescale_intercept;
    if (grayscale->window_width != 0.0) attributes.window = {grayscale->window_centre, grayscale->window_width};
    attributes.monochrome1 = grayscale->monochrome1 != 0;
    std::ranges::copy(
        presentation_table(radiograph_of(*stored).pixels, attributes, predictor->predictor.spec().presentation), table);
  });
}
