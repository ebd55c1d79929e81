// One training batch from a prepared study: warped images and the heatmaps of their moved fixations.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "egaze/heatmap.hpp"

namespace egaze {

// The images of a study: count images of height x width pixels, one after the other.
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

// What becomes of an image's value v in [0, 1]: clamp(gain * v + bias), raised to gamma, noise added, clamped again.
struct Intensity {
  float gain = 1.0f;
  float bias = 0.0f;
  float gamma = 1.0f;           // above 0
  float noise = 0.0f;           // standard deviation, at least 0
  std::uint64_t noise_key = 0;  // a pixel's noise depends on this and its place alone
};

// Output pixels from left to right - 1 and top to bottom - 1; may reach over the edges.
struct Rectangle {
  std::int32_t left, top, right, bottom;
};

struct Sample {
  std::int64_t image = 0;  // index into the stack
  Affine to_image{1, 0, 0, 0, 1, 0};
  Intensity intensity;
  std::span<const Rectangle> cutouts;   // made black, last of all
  std::span<const Fixation> fixations;  // in image pixels
};

struct SampleOptions {
  HeatmapOptions heatmap;  // its threads are ignored: a sample is one thread's work
  int threads = 1;
};

// Writes samples.size() views of the stack's images, and as many heatmaps, of height x width floats.
//
// A view is its image bilinearly interpolated, black outside. Where the map shrinks by more than 1.5 along any
// direction the image is first halved by 2x2 means, as often as it takes to come below that. A view that only brings
// the whole image to its size (x_image = (x + 0.5) * stack.width / width - 0.5, and y likewise) is what to_input gives
// of it.
//
// A heatmap is rasterized at the moved fixations, their Gaussians transformed by the map: it is the heatmap that
// warping an infinitely fine one would give. A Gaussian whose axes stay those of the image (a turned or zoomed
// circle) is cut at truncate sigmas along each, another one where it falls below exp(-truncate^2 / 2) of its peak;
// a correlation of x and y below 1e-4 is taken as none, which changes no value by more than 4e-5 of the peak.
//
// What a fixation's part shown leaves out of the image's heatmap is left out of the view's: a pixel counts where its
// centre's place on the image was shown, whatever way the view is turned.
//
// Throws Error(invalid_argument) for an image outside the stack or of a size out of range, a map that cannot be
// inverted, an intensity out of range, what rasterize_fixations refuses, or tilted Gaussians, or tilted parts
// shown, with another kernel than `sampled` or another boundary than `clip`.
void sample_batch(const ImageStack& stack, std::span<const Sample> samples, std::size_t height, std::size_t width,
                  const SampleOptions& options, float* views, float* heatmaps);

}  // namespace egaze
