// Fixations to heatmaps: a weighted sum of separable Gaussians,
//   H(y, x) = sum_i  w_i * k_y(y; y_i) * k_x(x; x_i),
// each kernel of unit mass, so that an unnormalised heatmap sums to the total weight that falls on the image.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>

namespace egaze {

// The part of an image that was on the screen, in the fixation's pixels: a pixel was shown when its centre lies in
// [x_min, x_max) x [y_min, y_max). Sides may be infinite; all of them are where everything was shown.
struct ShownPart {
  float x_min_px = -std::numeric_limits<float>::infinity();
  float y_min_px = -std::numeric_limits<float>::infinity();
  float x_max_px = std::numeric_limits<float>::infinity();
  float y_max_px = std::numeric_limits<float>::infinity();

  bool operator==(const ShownPart&) const = default;
};

// One fixation, in pixels of the heatmap: x to the right, y down, an integer is a pixel's centre.
// The centre may lie outside the image, and outside the part shown.
struct Fixation {
  float x_px;
  float y_px;
  float weight;          // duration in seconds, or 1 to count fixations; >= 0
  float sigma_x_px;      // > 0
  float sigma_y_px;      // > 0
  ShownPart shown = {};  // the kernel is zero elsewhere, after the boundary's rule; its mass there is lost
};

enum class Boundary {
  clip,    // what falls outside the image is lost
  reflect  // what falls outside is folded back (d c b a | a b c d | d c b a); outside fixations are left out
};

enum class HeatmapKernel {
  sampled,  // point samples of the Gaussian density at the fixation's exact position
  scipy     // centred on the nearest pixel, taps normalised to sum 1: equals scipy.ndimage.gaussian_filter of
            // the fixation map; fixations outside the image are left out
};

enum class Normalize {
  none,
  max,  // the largest value becomes 1 (a heatmap of zeros stays so)
  sum   // the values sum to 1, a density (a heatmap of zeros stays so)
};

struct HeatmapOptions {
  Boundary boundary = Boundary::clip;
  HeatmapKernel kernel = HeatmapKernel::sampled;
  Normalize normalize = Normalize::none;
  double truncate = 4.0;  // kernels are zero further than this many sigmas from the fixation
  int threads = 1;        // >= 1; the result does not depend on it
};

// Writes height * width floats, row by row, to out.
// Throws Error(invalid_argument) for a position that is not finite, a weight outside [0, 2^30], a sigma below 2^-20 px,
// truncate * sigma above 2^20 px, a part shown with a side that is no number or x_min above x_max, y_min above y_max, a
// truncate that is not a positive number, or threads < 1.
void rasterize_fixations(std::span<const Fixation> fixations, std::size_t height, std::size_t width,
                         const HeatmapOptions& options, float* out);

// The heatmaps of many images in one call: image i has the fixations offsets[i] to offsets[i + 1]. Writes
// (offsets.size() - 1) * height * width floats; threads work on whole images.
// Throws Error(invalid_argument) as above, or for offsets that do not rise from 0 to fixations.size().
void rasterize_batch(std::span<const Fixation> fixations, std::span<const std::int64_t> offsets, std::size_t height,
                     std::size_t width, const HeatmapOptions& options, float* out);

// One image's heatmap as it changes: frame t gives fixation i its weight times weights[t * fixations.size() + i].
// Writes frames * height * width floats. A frame in which no fixation loses weight is made from the one before.
// Normalize::max and sum refer to the largest value, and the largest sum, of all frames.
// Throws Error(invalid_argument) as above, or for a frame's weight outside [0, 2^30].
void rasterize_frames(std::span<const Fixation> fixations, std::span<const float> weights, std::size_t frames,
                      std::size_t height, std::size_t width, const HeatmapOptions& options, float* out);

}  // namespace egaze
