// One training batch from a prepared study: warped films and the heatmaps of their moved fixations.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "egaze/heatmap.hpp"

namespace egaze {

// The films of a study: count images of height x width pixels, one after the other.
struct FilmStack {
  const std::uint16_t* pixels = nullptr;
  std::size_t count = 0;
  std::size_t height = 0;
  std::size_t width = 0;
};

// An affine map from output pixels to film pixels: x_film = xx * x + xy * y + x0, y_film = yx * x + yy * y + y0.
struct Affine {
  float xx, xy, x0;
  float yx, yy, y0;
};

struct Sample {
  std::int64_t film;  // index into the stack
  Affine to_film;
  float gain;         // the output is clamp(gain * value / 65535 + bias, 0, 1)
  float bias;
  std::span<const Fixation> fixations;  // in film pixels
};

struct SampleOptions {
  HeatmapOptions heatmap;  // its threads are ignored: a sample is one thread's work
  int threads = 1;
};

// Writes samples.size() images, and as many heatmaps, of height x width floats. An image is the film bilinearly
// interpolated (black outside); a heatmap is rasterized at the moved fixations, its sigmas multiplied by the square
// root of the map's change of area.
// Throws Error(invalid_argument) for a film outside the stack or a map that cannot be inverted.
void sample_batch(const FilmStack& films, std::span<const Sample> samples, std::size_t height, std::size_t width,
                  const SampleOptions& options, float* images, float* heatmaps);

}  // namespace egaze
