// Any fixations and options: a finite heatmap, the same for any number of threads, or an Error.
#include <cmath>
#include <cstdlib>
#include <vector>

#include "bytes.hpp"
#include "egaze/error.hpp"
#include "egaze/heatmap.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Bytes bytes(data, size);
  const std::size_t height = 1 + bytes.below(48), width = 1 + bytes.below(100);
  egaze::HeatmapOptions options;
  options.boundary = bytes.below(2) == 0 ? egaze::Boundary::clip : egaze::Boundary::reflect;
  options.kernel = bytes.below(2) == 0 ? egaze::HeatmapKernel::sampled : egaze::HeatmapKernel::scipy;
  options.normalize = static_cast<egaze::Normalize>(bytes.below(3));
  options.truncate = bytes.below(4) == 0 ? bytes.take<double>() : 4.0;
  // Rarely several threads: waking one takes longer than everything else.
  const int threads = bytes.below(64) == 0 ? 2 : 1;
  std::vector<egaze::Fixation> fixations;
  while (!bytes.empty() && fixations.size() < 12) {
    // Mostly ordinary fixations, so that the kernels are reached; the others are arbitrary bits.
    if (bytes.below(4) != 0) {
      fixations.push_back({static_cast<float>(bytes.below(200)) - 50.0f, static_cast<float>(bytes.below(100)) - 25.0f,
                           static_cast<float>(bytes.below(100)) / 50.0f, static_cast<float>(bytes.below(400)) / 10.0f,
                           static_cast<float>(1 + bytes.below(400)) / 10.0f});
    } else {
      fixations.push_back(bytes.take<egaze::Fixation>());
    }
    // Kernels of a million pixels are allowed but slow, and not the target of this test.
    const double reach_px = std::fmax(fixations.back().sigma_x_px, fixations.back().sigma_y_px) * options.truncate;
    if (reach_px > 4096.0 && reach_px <= 1 << 20) return 0;
  }
  std::vector<float> one(height * width), two(height * width);
  try {
    egaze::rasterize_fixations(fixations, height, width, options, one.data());
    options.threads = threads;
    egaze::rasterize_fixations(fixations, height, width, options, two.data());
  } catch (const egaze::Error&) {
    return 0;
  }
  for (std::size_t i = 0; i < one.size(); ++i) {
    if (!(one[i] >= 0.0f) || !std::isfinite(one[i]) || one[i] != two[i]) std::abort();
  }
  return 0;
}
