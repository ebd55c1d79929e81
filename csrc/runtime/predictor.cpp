#include "egaze/predictor.hpp"

#include <ATen/Parallel.h>
#include <caffe2/serialize/in_memory_adapter.h>
#include <c10/core/InferenceMode.h>
#include <torch/csrc/jit/runtime/graph_executor.h>
#include <torch/script.h>
#include <torch/version.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>

#include "egaze/error.hpp"
#include "egaze/fit.hpp"
#include "egaze/resize.hpp"
#include "libtorch_cuda.hpp"
#include "model_archive.hpp"
#include "one_line.hpp"

namespace egaze {
namespace {

// Starting threads pays from about a megapixel on.
constexpr std::size_t kPixelsForThreads = 1 << 20;

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

// forward(image: Tensor) -> Tuple[Tensor, Tensor], as docs of the exported file promise.
void check_signature(const std::string& path, const torch::jit::Module& module) {
  const auto method = module.find_method("forward");
  bool fits = method && method->function().getSchema().arguments().size() == 2 &&
              method->function().getSchema().returns().size() == 1;
  if (fits) {
    const auto returned = method->function().getSchema().returns()[0].type()->cast<c10::TupleType>();
    fits = returned && returned->elements().size() == 2 &&
           std::ranges::all_of(returned->elements(), [](const auto& type) {
             return type->kind() == c10::TypeKind::TensorType;
           });
  }
  if (!fits) {
    throw Error(ErrorCode::bad_model_file, path + ": its forward is not (image: Tensor) -> (Tensor, Tensor)");
  }
}

torch::jit::Module load_module(const std::string& path, const detail::ModelArchive& archive, c10::Device device) {
  try {
    // Freezing needs plain tensors and inlined graphs, whatever modes the caller is in.
    const c10::InferenceMode no_inference(false);
    const torch::jit::GraphOptimizerEnabledGuard inlining(true);
    const auto bytes = std::make_shared<caffe2::serialize::MemoryReadAdapter>(
        archive.bytes.data(), static_cast<off_t>(archive.bytes.size()));
    torch::jit::Module module = torch::jit::load(bytes, device, /*load_debug_files=*/false);
    check_signature(path, module);
    module.eval();
    return torch::jit::freeze(module);
  } catch (const Error&) {
    throw;
  } catch (const std::exception& error) {
    throw Error(ErrorCode::bad_model_file, path + ": cannot be loaded: " + detail::one_line(error));
  }
}

float scale_of(PixelType type) {
  return type == PixelType::uint8 ? 1.0f / 255.0f : type == PixelType::uint16 ? 1.0f / 65535.0f : 1.0f;
}

}  // namespace

struct Predictor::Implementation {
  std::string path;
  ModelSpec spec;
  c10::Device device;
  torch::jit::Module module;

  at::Tensor place(const ImageView& film) const;
  Prediction unpack(const c10::IValue& output) const;
};

// The film on the model's input, (1, 1, H, W).
at::Tensor Predictor::Implementation::place(const ImageView& film) const {
  if (film.data == nullptr) throw Error(ErrorCode::invalid_argument, "the film's pixels are a null pointer");
  const std::size_t height = spec.input_height_px, width = spec.input_width_px;
  const FitRectangle where = fit_rectangle(film.height, film.width, height, width, spec.fit);
  std::vector<float> pixels(where.height_px * where.width_px);
  ResizeOptions options;
  options.scale = scale_of(film.type);
  options.threads = film.height * film.width >= kPixelsForThreads ? std::max(1, at::get_num_threads()) : 1;
  resize(film, where.height_px, where.width_px, PixelType::float32, options, pixels.data());
  // Every film pixel has a part in some pixel here, so that whatever is not finite shows.
  if (!std::ranges::all_of(pixels, [](float value) { return std::isfinite(value); })) {
    throw Error(ErrorCode::invalid_argument, "the film's pixels are not all finite numbers");
  }
  const std::vector<std::int64_t> shape = {1, 1, static_cast<std::int64_t>(height), static_cast<std::int64_t>(width)};
  // With one channel the bytes are the same, but libtorch's convolutions keep the layout that their input names, and
  // channels last is the CPU's fastest by a sixth.
  const auto layout = device.is_cpu() ? at::MemoryFormat::ChannelsLast : at::MemoryFormat::Contiguous;
  at::Tensor image = at::empty(shape, at::TensorOptions().dtype(at::kFloat), layout).zero_();
  float* canvas = image.mutable_data_ptr<float>() + where.top_px * width + where.left_px;
  for (std::size_t y = 0; y < where.height_px; ++y) {
    std::copy_n(pixels.data() + y * where.width_px, where.width_px, canvas + y * width);
  }
  return image;
}

// Takes a model's word for nothing: its outputs must have the promised shapes.
Prediction Predictor::Implementation::unpack(const c10::IValue& output) const {
  const auto fail = [&](const std::string& what) {
    throw Error(ErrorCode::bad_model_file, path + ": the model gave " + what);
  };
  const auto& elements = output.toTupleRef().elements();
  const auto values = [&](std::size_t which, std::vector<std::int64_t> shape, const std::string& name) {
    const at::Tensor tensor = elements.at(which).toTensor().to(at::kCPU, at::kFloat).contiguous();
    if (tensor.sizes() != at::IntArrayRef(shape)) {
      fail(name + " of shape " + c10::str(tensor.sizes()) + ", promised " + c10::str(at::IntArrayRef(shape)));
    }
    const float* begin = tensor.const_data_ptr<float>();
    std::vector<float> copy(begin, begin + tensor.numel());
    if (!std::ranges::all_of(copy, [](float value) { return std::isfinite(value); })) {
      fail(name + " that are not all finite numbers");
    }
    return copy;
  };
  Prediction prediction;
  prediction.heatmap_height = spec.input_height_px;
  prediction.heatmap_width = spec.input_width_px;
  prediction.class_probs = values(0, {1, static_cast<std::int64_t>(spec.class_names.size())}, "class probabilities");
  prediction.heatmap = values(1, {1, 1, static_cast<std::int64_t>(spec.input_height_px),
                                  static_cast<std::int64_t>(spec.input_width_px)}, "heatmap values");
  return prediction;
}

Predictor::Predictor(const std::string& model_path, const PredictorOptions& options) {
  if (options.threads < 0) {
    throw Error(ErrorCode::invalid_argument, "threads must be at least 0, got " + std::to_string(options.threads));
  }
  try {
    detail::ModelArchive archive = detail::read_model_archive(model_path);
    const c10::Device device = checked_device(options.device);
    if (options.threads > 0) at::set_num_threads(options.threads);
    torch::jit::Module module = load_module(model_path, archive, device);
    implementation_ = std::make_unique<Implementation>(
        Implementation{model_path, std::move(archive.spec), device, std::move(module)});
  } catch (const Error&) {
    throw;
  } catch (const std::exception& error) {
    throw Error(ErrorCode::bad_model_file, model_path + ": " + detail::one_line(error));
  }
}

Predictor::~Predictor() = default;
Predictor::Predictor(Predictor&&) noexcept = default;
Predictor& Predictor::operator=(Predictor&&) noexcept = default;

const ModelSpec& Predictor::spec() const noexcept { return implementation_->spec; }

Prediction Predictor::predict(const ImageView& film) {
  Implementation& self = *implementation_;
  try {
    const c10::InferenceMode inference;
    // The frozen graph is final. Without this, the first runs would be spent on profiling it.
    const torch::jit::GraphOptimizerEnabledGuard no_profiling(false);
    const at::Tensor image = self.place(film).to(self.device);
    return self.unpack(self.module.forward({image}));
  } catch (const Error&) {
    throw;
  } catch (const std::exception& error) {
    throw Error(ErrorCode::bad_model_file, self.path + ": the model failed: " + detail::one_line(error));
  }
}

std::string torch_version() { return TORCH_VERSION; }

}  // namespace egaze
