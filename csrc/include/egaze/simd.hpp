// Which instruction set the kernels use. Results differ between sets by rounding only.
#pragma once

#include <string>
#include <vector>

namespace egaze {

// The sets that this build has and this processor can run, from the slowest to the fastest: "baseline", "avx2",
// "avx512".
std::vector<std::string> simd_levels();

// The one in use: the one set below, else the one the environment variable EGAZE_SIMD names, else the fastest.
// Throws Error(invalid_argument) when EGAZE_SIMD names none of simd_levels().
std::string simd_level();

// Chooses one for the whole process; not to be called while a kernel runs.
// Throws Error(invalid_argument) for a name that is not among simd_levels().
void set_simd_level(const std::string& level);

}  // namespace egaze
