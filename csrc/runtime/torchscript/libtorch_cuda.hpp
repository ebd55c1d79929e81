// Loads the CUDA part of libtorch when a CUDA device is first requested, so that CPU predictions never wait for it.
#pragma once

namespace egaze::detail {

// Returns the number of CUDA devices.
// Throws Error(device_unavailable) if this libtorch has no CUDA part, or it cannot be loaded.
int load_libtorch_cuda();

}  // namespace egaze::detail
