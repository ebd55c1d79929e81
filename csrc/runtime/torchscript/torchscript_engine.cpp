#include "torchscript_engine.hpp"

#include <ATen/Parallel.h>
#include <c10/core/InferenceMode.h>
#include <torch/csrc/jit/runtime/graph_executor.h>
#include <torch/script.h>
#include <torch/version.h>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <utility>
#include <vector>

#include "arena.hpp"
#include "egaze/error.hpp"
#include "libtorch_cuda.hpp"
#include "model_program.hpp"
#include "torch_error.hpp"
#include "quiet.hpp"

namespace egaze::detail {
namespace {

// More images at once exceed a CPU's caches: 32 in eight parts take .55 of the time of all together.
constexpr std::size_t kImagesAtOnceOnCpu = 4;

c10::Device checked_device(const std::string& name) {
  std::optional<c10::Device> device;
  try {
    device.emplace(name);
  } catch (const std::exception&) {
    device.reset();  // an error is thrown below
  }
  if (!device || !(device->is_cpu() || device->is_cuda())) {
    throw Error(ErrorCode::invalid_argument, "device must be \"cpu\", \"cuda\" or \"cuda:N\", got \"" + name + "\"");
  }
  if (device->is_cuda()) {
    const int count = load_libtorch_cuda();
    if (device->has_index() && device->index() >= count) {
      throw Error(ErrorCode::device_unavailable, name + ": there are " + std::to_string(count) + " CUDA devices");
    }
  }
  return *device;
}

// The output in float32. Throws if the program did not give a dense float32 tensor on the device, or a bfloat16 one
// where loading made the program compute in bfloat16.
EngineOutput output_of(const c10::IValue& value, const char* name, c10::Device device, bool made_bf16) {
  const auto require = [name](bool fits, const std::string& what) {
    if (!fits) throw std::runtime_error("it gave " + std::string(name) + " " + what);
  };
  require(value.isTensor() && value.toTensor().defined(), "that are not a tensor");
  const at::Tensor& given = value.toTensor();
  require(given.layout() == at::kStrided && given.device().type() == device.type() && !given.is_neg(),
          "that are not a dense tensor on the " + c10::DeviceTypeName(device.type(), /*lower_case=*/true));
  require(given.scalar_type() == at::kFloat || (made_bf16 && given.scalar_type() == at::kBFloat16),
          std::string("of type ") + c10::toString(given.scalar_type()) + ", promised Float, which is float32");
  const at::Tensor tensor = given.to(at::kCPU, at::kFloat).contiguous();
  return {tensor.sizes().vec(), {tensor.const_data_ptr<float>(), [tensor](const float*) {}}};
}

class TorchScriptEngine final : public Engine {
 public:
  TorchScriptEngine(const std::string& path, const ModelArchive& archive, const PredictorOptions& options)
      : device_(checked_device(options.device)),
        made_bf16_(options.precision == Precision::bf16 && archive.spec.precision == "fp32"),
        class_heatmaps_(options.class_heatmaps),
        height_px_(static_cast<std::int64_t>(archive.spec.input_height_px)),
        width_px_(static_cast<std::int64_t>(archive.spec.input_width_px)) {
    if (options.threads > 0) at::set_num_threads(options.threads);
    if (options.tensor_arena && device_.is_cpu()) arena_ = std::make_unique<Arena>();
    module_ = load_program(path, archive, device_, options.precision);
  }

  std::size_t images_at_once() const override { return device_.is_cpu() ? kImagesAtOnceOnCpu : 0; }

  int threads() const override { return std::max(1, at::get_num_threads()); }

  EngineOutputs run(std::size_t count, const std::function<void(float*)>& fill) override {
    try {
      const QuietWarnings quiet;
      const Arena::Use using_arena(arena_.get());
      const c10::InferenceMode inference;
      // Otherwise the first runs would profile the graph, which is not optimized further.
      const torch::jit::GraphOptimizerEnabledGuard no_profiling(false);
      // The bytes of one channel are the same in both layouts, but libtorch's convolutions keep the layout of their
      // input, and on the CPU channels last is faster by a sixth.
      const auto layout = device_.is_cpu() ? at::MemoryFormat::ChannelsLast : at::MemoryFormat::Contiguous;
      const at::Tensor images = at::empty({static_cast<std::int64_t>(count), 1, height_px_, width_px_},
                                          at::TensorOptions().dtype(at::kFloat), layout);
      fill(images.mutable_data_ptr<float>());
      const c10::IValue outputs = module_.forward({images.to(device_)});
      const auto& elements = outputs.toTupleRef().elements();
      EngineOutputs given = {output_of(elements.at(0), "class probabilities", device_, made_bf16_),
                             output_of(elements.at(1), "heatmap values", device_, made_bf16_)};
      if (class_heatmaps_) {
        given.class_heatmaps = output_of(elements.at(2), "values of class heatmaps", device_, made_bf16_);
      }
      return given;
    } catch (const Error&) {
      throw;
    } catch (const std::exception& error) {
      throw std::runtime_error(one_line(error));
    }
  }

 private:
  c10::Device device_;
  bool made_bf16_;  // whether loading casts the program from float32 to bfloat16
  bool class_heatmaps_;
  std::int64_t height_px_, width_px_;
  std::unique_ptr<Arena> arena_;  // null unless the options ask for it
  torch::jit::Module module_;
};

}  // namespace

std::unique_ptr<Engine> load_torchscript(const std::string& path, const ModelArchive& archive,
                                         const PredictorOptions& options) {
  try {
    const QuietWarnings quiet;
    return std::make_unique<TorchScriptEngine>(path, archive, options);
  } catch (const Error&) {
    throw;
  } catch (const std::exception& error) {
    throw std::runtime_error(one_line(error));
  }
}

std::string torchscript_version() { return TORCH_VERSION; }

}  // namespace egaze::detail
