// Selects the instruction set of the kernels. Results differ between instruction sets by rounding only.
#pragma once

#include <string>
#include <vector>

namespace egaze {

// The instruction sets that this build contains and this processor supports, from slowest to fastest: "baseline",
// "avx2", "avx512".
std::vector<std::string> simd_levels();

// The one in use: that of the last set_simd_level, else of the environment variable EGAZE_SIMD, else the fastest.
// Throws Error(invalid_argument) if EGAZE_SIMD is not one of simd_levels().
std::string simd_level();

// Selects one for the whole process. Must not be called while a kernel is running.
// Throws Error(invalid_argument) if the name is not one of simd_levels().
void set_simd_level(const std::string& level);

}  // namespace egaze
