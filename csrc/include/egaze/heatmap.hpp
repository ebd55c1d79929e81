// Heatmaps of fixations: a weighted sum of separable Gaussians,
//   H(y, x) = sum_i  w_i * k_y(y; y_i) * k_x(x; x_i),
// where each kernel has unit mass, so that an unnormalized heatmap sums to the total weight that falls on the image.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>

namespace egaze {

// The part of an image that was on the screen, in the pixels of the fixation: a pixel was shown if its centre lies in
// [x_min, x_max) x [y_min, y_max). Bounds may be infinite; by default all are, and the whole image was shown.
struct ShownPart {
  float x_min_px = -std::numeric_limits<float>::infinity();
  float y_min_px = -std::numeric_limits<float>::infinity();
  float x_max_px = std::numeric_limits<float>::infinity();
  float y_max_px = std::numeric_limits<float>::infinity();

  bool operator==(const ShownPart&) const = default;
};

// One fixation in pixels of the heatmap: x points right, y points down, and integers are the centres of pixels.
// The fixation may lie outside the image and outside the part shown.
struct Fixation {
  float x_px;
  float y_px;
  float weight;          // duration in seconds, or 1 to count fixations; >= 0
  float sigma_x_px;      // > 0
  float sigma_y_px;      // > 0
  ShownPart shown = {};  // the kernel is cut to this part, after the boundary rule; its mass elsewhere is lost
};

enum class Boundary {
  clip,    // mass that falls outside the image is lost
  reflect  // it is reflected at the edge (d c b a | a b c d | d c b a); fixations outside the image are ignored
};

enum class HeatmapKernel {
  sampled,  // the Gaussian density about the fixation's exact position, sampled at the pixels' centres
  scipy     // centred on the nearest pixel, with taps that sum to 1: equals scipy.ndimage.gaussian_filter applied to
            // the fixation map; fixations outside the image are ignored
};

enum class Normalize {
  none,
  max,  // the largest value becomes 1; a heatmap of zeros is left unchanged
  sum   // the values sum to 1, as a density; a heatmap of zeros is left unchanged
};

struct HeatmapOptions {
  Boundary boundary = Boundary::clip;
  HeatmapKernel kernel = HeatmapKernel::sampled;
  Normalize normalize = Normalize::none;
  double truncate = 4.0;  // kernels are zero beyond this many sigmas from the fixation
  int threads = 1;        // >= 1; the result does not depend on it
};

// Writes height * width floats, row by row, to out.
// Throws Error(invalid_argument) if a position is not finite, a weight lies outside [0, 2^30], a sigma is below
// 2^-20 px, truncate * sigma exceeds 2^20 px, a bound of a part shown is NaN or a minimum exceeds its maximum, truncate
// is not a positive finite number, or threads < 1.
void rasterize_fixations(std::span<const Fixation> fixations, std::size_t height, std::size_t width,
                         const HeatmapOptions& options, float* out);

// The heatmaps of many images in one call: image i has the fixations [offsets[i], offsets[i + 1]). Writes
// (offsets.size() - 1) * height * width floats; each image is one thread's work.
// Throws Error(invalid_argument) like rasterize_fixations, or if the offsets do not rise from 0 to fixations.size().
void rasterize_batch(std::span<const Fixation> fixations, std::span<const std::int64_t> offsets, std::size_t height,
                     std::size_t width, const HeatmapOptions& options, float* out);

// The heatmap of one image over time: in frame t, the weight of fixation i is multiplied by
// weights[t * fixations.size() + i]. Writes frames * height * width floats. A frame in which no fixation loses weight
// is computed from the previous one. Normalize::max and Normalize::sum scale all frames by one factor, from the largest
// value or the largest sum of any frame.
// Throws Error(invalid_argument) like rasterize_fixations, or if a frame's weight lies outside [0, 2^30].
void rasterize_frames(std::span<const Fixation> fixations, std::span<const float> weights, std::size_t frames,
                      std::size_t height, std::size_t width, const HeatmapOptions& options, float* out);

}  // namespace egaze
