// One training batch from a prepared study: augmented views of images, and the heatmaps of their transformed fixations.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "egaze/heatmap.hpp"

namespace egaze {

// The images of a study: count contiguous images of height x width pixels.
struct ImageStack {
  const std::uint16_t* pixels = nullptr;
  std::size_t count = 0;
  std::size_t height = 0;  // 2 to 32768
  std::size_t width = 0;   // 2 to 32768
};

// An affine map from output pixels to image pixels: x_image = xx * x + xy * y + x0, y_image = yx * x + yy * y + y0.
struct Affine {
  float xx, xy, x0;
  float yx, yy, y0;
};

// The transform of a value v in [0, 1]: clamp(clamp(gain * v + bias) ^ gamma + noise), where clamp limits to [0, 1].
struct Intensity {
  float gain = 1.0f;
  float bias = 0.0f;
  float gamma = 1.0f;           // above 0
  float noise = 0.0f;           // standard deviation, at least 0
  std::uint64_t noise_key = 0;  // the noise of a pixel is a function of this key and the pixel's position
};

// The output pixels [left, right) x [top, bottom); may extend beyond the image.
struct Rectangle {
  std::int32_t left, top, right, bottom;
};

struct Sample {
  std::int64_t image = 0;  // index into the stack
  Affine to_image{1, 0, 0, 0, 1, 0};
  Intensity intensity;
  std::span<const Rectangle> cutouts;   // made black after all other steps
  std::span<const Fixation> fixations;  // in image pixels
};

struct SampleOptions {
  HeatmapOptions heatmap;  // its threads are ignored: each sample is one thread's work
  int threads = 1;
};

// Writes samples.size() views of images in the stack and as many heatmaps, each of height x width floats.
//
// A view interpolates its image bilinearly and is black outside the image. If the map shrinks the image by more than
// 1.5 along any direction, the image is first halved by 2x2 means until the remaining factor is at most 1.5. A view
// that only resizes the whole image (x_image = (x + 0.5) * stack.width / width - 0.5, and y likewise) equals the
// result of to_input.
//
// A heatmap is rasterized from transformed fixations, whose Gaussians are transformed with them: it is the limit of
// warping the image's heatmap at ever finer resolution. A Gaussian whose principal axes are parallel to those of the
// view, such as a rotated or zoomed circle, is truncated at `truncate` sigmas along each axis; any other Gaussian is
// truncated where it falls below exp(-truncate^2 / 2) of its peak. A correlation of x and y below 1e-4 is treated as
// zero, which changes no value by more than 4e-5 of the peak.
//
// A fixation's part shown moves with the image: a pixel of the view receives the fixation's value only if the pixel's
// centre maps to a point of the image that was shown.
//
// Throws Error(invalid_argument) if an image index or size is out of range, a map is not invertible, an intensity is
// out of range, rasterize_fixations would throw, or a tilted Gaussian or tilted part shown is combined with a kernel
// other than `sampled` or a boundary other than `clip`.
void sample_batch(const ImageStack& stack, std::span<const Sample> samples, std::size_t height, std::size_t width,
                  const SampleOptions& options, float* views, float* heatmaps);

// One heatmap of a view.
struct HeatmapView {
  Affine to_image{1, 0, 0, 0, 1, 0};
  std::span<const Fixation> fixations;  // in image pixels
};

// Writes views.size() heatmaps of height x width floats, as sample_batch does of the fixations of its samples.
//
// Throws Error(invalid_argument) if a map is not invertible, or as sample_batch for fixations and options.
void sample_heatmaps(std::span<const HeatmapView> views, std::size_t height, std::size_t width,
                     const SampleOptions& options, float* heatmaps);

}  // namespace egaze
