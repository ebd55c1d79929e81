// libtorch's CUDA half, loaded when a CUDA device is first asked for: a CPU prediction never waits for it.
#pragma once

namespace egaze::detail {

// The number of CUDA devices.
// Throws Error(device_unavailable) when this libtorch has no CUDA half, or it cannot be loaded.
int load_libtorch_cuda();

}  // namespace egaze::detail
