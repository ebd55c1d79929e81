#include "egaze/predictor.hpp"

#include <ATen/Parallel.h>
#include <c10/core/InferenceMode.h>
#include <torch/csrc/jit/runtime/graph_executor.h>
#include <torch/script.h>
#include <torch/version.h>

#include <algorithm>
#include <bit>
#include <cstdint>
#include <iterator>
#include <optional>
#include <utility>
#include <vector>

#include "arena.hpp"
#include "egaze/error.hpp"
#include "egaze/placing.hpp"
#include "egaze/radiograph.hpp"
#include "libtorch_cuda.hpp"
#include "model_program.hpp"
#include "one_line.hpp"
#include "quiet.hpp"

namespace egaze {
namespace {

// More films at once leave a CPU's caches: 32 in eight parts take .55 of the time of all together.
constexpr std::size_t kFilmsAtOnceOnCpu = 4;

c10::Device checked_device(const std::string& name) {
  std::optional<c10::Device> device;
  try {
    device.emplace(name);
  } catch (const std::exception&) {
  }
  if (!device || !(device->is_cpu() || device->is_cuda())) {
    throw Error(ErrorCode::invalid_argument, "device must be \"cpu\", \"cuda\" or \"cuda:N\", got \"" + name + "\"");
  }
  if (device->is_cuda()) {
    const int count = detail::load_libtorch_cuda();
    if (device->has_index() && device->index() >= count) {
      throw Error(ErrorCode::device_unavailable, name + ": there are " + std::to_string(count) + " CUDA devices");
    }
  }
  return *device;
}

bool all_finite(std::span<const float> values) {
  // Bits and no early end, so that the compiler makes vectors of it.
  constexpr std::uint32_t exponent = 0x7F800000u;
  std::uint32_t beyond = 0;
  for (const float value : values) beyond |= (std::bit_cast<std::uint32_t>(value) & exponent) == exponent;
  return beyond == 0;
}

}  // namespace

struct Predictor::Implementation {
  std::string path;
  ModelSpec spec;
  c10::Device device;
  std::unique_ptr<detail::Arena> arena;  // on a CPU, for what is computed on the way
  torch::jit::Module module;

  void place(const Film& film, int threads, float* input) const;
  at::Tensor place(std::span<const Film> films, std::size_t begin, std::size_t count) const;
  std::vector<Prediction> unpack(const c10::IValue& output, std::size_t count) const;
};

// The film as its study was prepared, brought to the model's input.
void Predictor::Implementation::place(const Film& film, int threads, float* input) const {
  const ImageView& pixels = film.pixels;
  if (pixels.data == nullptr) throw Error(ErrorCode::invalid_argument, "the film's pixels are a null pointer");
  const std::size_t height = spec.canvas_height_px, width = spec.canvas_width_px;
  const FitRectangle where = fit_rectangle(pixels.height, pixels.width, height, width, spec.fit);
  std::vector<std::uint16_t> canvas(height * width);
  place_on_canvas(pixels, film.table, where, height, width, threads, canvas.data());
  to_input(canvas.data(), height, width, spec.input_height_px, spec.input_width_px, input);
}

// So many of a batch's films as the model takes them, (N, 1, H, W).
at::Tensor Predictor::Implementation::place(std::span<const Film> films, std::size_t begin, std::size_t count) const {
  const std::vector<std::int64_t> shape = {static_cast<std::int64_t>(count), 1,
                                           static_cast<std::int64_t>(spec.input_height_px),
                                           static_cast<std::int64_t>(spec.input_width_px)};
  // With one channel the bytes are the same, but libtorch's convolutions keep the layout that their input names, and
  // channels last is the CPU's fastest by a sixth.
  const auto layout = device.is_cpu() ? at::MemoryFormat::ChannelsLast : at::MemoryFormat::Contiguous;
  at::Tensor image = at::empty(shape, at::TensorOptions().dtype(at::kFloat), layout);
  float* input = image.mutable_data_ptr<float>();
  const int threads = std::max(1, at::get_num_threads());
  for (std::size_t i = begin; i < begin + count; ++i) {
    try {
      place(films[i], threads, input + (i - begin) * spec.input_height_px * spec.input_width_px);
    } catch (const Error& error) {
      if (films.size() == 1) throw;
      throw Error(error.code(), "film " + std::to_string(i) + " of the batch: " + error.what());
    }
  }
  return image;
}

// Takes a model's word for nothing: its outputs must have the promised shapes.
std::vector<Prediction> Predictor::Implementation::unpack(const c10::IValue& output, std::size_t count) const {
  const auto fail = [&](const std::string& what) {
    throw Error(ErrorCode::model_failed, path + ": the model gave " + what);
  };
  const auto& elements = output.toTupleRef().elements();
  const auto values = [&](std::size_t which, std::vector<std::int64_t> shape, const std::string& name) {
    shape.insert(shape.begin(), static_cast<std::int64_t>(count));
    const at::Tensor tensor = elements.at(which).toTensor().to(at::kCPU, at::kFloat).contiguous();
    if (tensor.sizes() != at::IntArrayRef(shape)) {
      fail(name + " of shape " + c10::str(tensor.sizes()) + ", promised " + c10::str(at::IntArrayRef(shape)));
    }
    if (!all_finite({tensor.const_data_ptr<float>(), static_cast<std::size_t>(tensor.numel())})) {
      fail(name + " that are not all finite numbers");
    }
    return tensor;
  };
  const std::size_t classes = spec.class_names.size(), pixels = spec.input_height_px * spec.input_width_px;
  const at::Tensor probs = values(0, {static_cast<std::int64_t>(classes)}, "class probabilities");
  const at::Tensor heatmaps = values(1, {1, static_cast<std::int64_t>(spec.input_height_px),
                                         static_cast<std::int64_t>(spec.input_width_px)}, "heatmap values");
  std::vector<Prediction> predictions(count);
  for (std::size_t i = 0; i < count; ++i) {
    const float* prob = probs.const_data_ptr<float>() + i * classes;
    const float* heatmap = heatmaps.const_data_ptr<float>() + i * pixels;
    predictions[i].class_probs.assign(prob, prob + classes);
    predictions[i].heatmap.assign(heatmap, heatmap + pixels);
    predictions[i].heatmap_height = spec.input_height_px;
    predictions[i].heatmap_width = spec.input_width_px;
  }
  return predictions;
}

Predictor::Predictor(const std::string& model_path, const PredictorOptions& options) {
  if (options.threads < 0) {
    throw Error(ErrorCode::invalid_argument, "threads must be at least 0, got " + std::to_string(options.threads));
  }
  try {
    const detail::QuietWarnings quiet;
    detail::ModelArchive archive = detail::read_model_archive(model_path);
    const c10::Device device = checked_device(options.device);
    if (options.threads > 0) at::set_num_threads(options.threads);
    auto arena = device.is_cpu() ? std::make_unique<detail::Arena>() : nullptr;
    torch::jit::Module module = detail::load_program(model_path, archive, device, options.precision);
    implementation_ = std::make_unique<Implementation>(
        Implementation{model_path, std::move(archive.spec), device, std::move(arena), std::move(module)});
  } catch (const Error&) {
    throw;
  } catch (const std::exception& error) {
    throw Error(ErrorCode::model_failed, model_path + ": " + detail::one_line(error));
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
  const std::size_t at_once = self.device.is_cpu() ? kFilmsAtOnceOnCpu : films.size();
  std::vector<Prediction> predictions;
  predictions.reserve(films.size());
  try {
    const detail::QuietWarnings quiet;
    const detail::Arena::Use using_arena(self.arena.get());
    const c10::InferenceMode inference;
    // The frozen graph is final. Without this, the first runs would be spent on profiling it.
    const torch::jit::GraphOptimizerEnabledGuard no_profiling(false);
    for (std::size_t begin = 0; begin < films.size(); begin += at_once) {
      const std::size_t count = std::min(at_once, films.size() - begin);
      const at::Tensor image = self.place(films, begin, count).to(self.device);
      std::ranges::move(self.unpack(self.module.forward({image}), count), std::back_inserter(predictions));
    }
    return predictions;
  } catch (const Error&) {
    throw;
  } catch (const std::exception& error) {
    throw Error(ErrorCode::model_failed, self.path + ": the model failed: " + detail::one_line(error));
  }
}

std::string torch_version() { return TORCH_VERSION; }

}  // namespace egaze
