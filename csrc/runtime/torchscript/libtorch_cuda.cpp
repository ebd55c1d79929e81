#include "libtorch_cuda.hpp"

#include <ATen/Context.h>
#include <dlfcn.h>

#include <filesystem>
#include <mutex>
#include <string>

#include "egaze/error.hpp"

namespace egaze::detail {
namespace {

#ifdef __APPLE__
constexpr const char* kCudaHalf = "libtorch_cuda.dylib";
#else
constexpr const char* kCudaHalf = "libtorch_cuda.so";
#endif

[[noreturn]] void unavailable(const std::string& why) { throw Error(ErrorCode::device_unavailable, why); }

// The folder from which the CPU part of libtorch was loaded.
std::filesystem::path libtorch_folder() {
  Dl_info info{};
  if (dladdr(reinterpret_cast<const void*>(&at::globalContext), &info) == 0 || info.dli_fname == nullptr) {
    unavailable("cuda: cannot tell where libtorch was loaded from");
  }
  return std::filesystem::path(info.dli_fname).parent_path();
}

}  // namespace

int load_libtorch_cuda() {
  static std::mutex mutex;
  static void* library = nullptr;
  const std::lock_guard lock(mutex);
  if (library == nullptr) {
    const std::filesystem::path path = libtorch_folder() / kCudaHalf;
    std::error_code error;
    if (!std::filesystem::exists(path, error)) unavailable("cuda: this libtorch was built without CUDA");
    // Its constructors register the CUDA kernels; it stays loaded.
    library = dlopen(path.c_str(), RTLD_NOW | RTLD_GLOBAL);
    // NOLINTNEXTLINE(concurrency-mt-unsafe): glibc keeps dlerror's text for each thread
    if (library == nullptr) unavailable(std::string("cuda: cannot load libtorch's CUDA half: ") + dlerror());
  }
  const at::CUDAHooksInterface& hooks = at::detail::getCUDAHooks();
  const int devices = hooks.hasCUDA() ? hooks.getNumGPUs() : 0;
  if (devices < 1) unavailable("cuda: no CUDA device, or no driver for it");
  return devices;
}

}  // namespace egaze::detail
