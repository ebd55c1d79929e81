#include "egaze/sample.hpp"

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "egaze/error.hpp"
#include "parallel.hpp"

namespace egaze {
namespace {

float determinant(const Affine& map) { return map.xx * map.yy - map.xy * map.yx; }

void warp(const std::uint16_t* film, const FilmStack& films, const Sample& sample, std::size_t height,
          std::size_t width, float* image) {
  const auto film_height = static_cast<std::ptrdiff_t>(films.height);
  const auto film_width = static_cast<std::ptrdiff_t>(films.width);
  const auto pixel = [&](std::ptrdiff_t y, std::ptrdiff_t x) -> float {
    if (y < 0 || y >= film_height || x < 0 || x >= film_width) return 0.0f;
    return static_cast<float>(film[y * film_width + x]);
  };
  const Affine& map = sample.to_film;
  const float gain = sample.gain / 65535.0f;
  for (std::size_t row = 0; row < height; ++row) {
    for (std::size_t column = 0; column < width; ++column) {
      const auto x = static_cast<float>(column), y = static_cast<float>(row);
      // Clamped to just outside the film, where every pixel is black, so that the cast below is defined.
      const float x_film = std::clamp(map.xx * x + map.xy * y + map.x0, -2.0f, static_cast<float>(film_width) + 1.0f);
      const float y_film = std::clamp(map.yx * x + map.yy * y + map.y0, -2.0f, static_cast<float>(film_height) + 1.0f);
      const float left = std::floor(x_film), top = std::floor(y_film);
      const float right_share = x_film - left, bottom_share = y_film - top;
      const auto i = static_cast<std::ptrdiff_t>(top), j = static_cast<std::ptrdiff_t>(left);
      const float upper = pixel(i, j) + right_share * (pixel(i, j + 1) - pixel(i, j));
      const float lower = pixel(i + 1, j) + right_share * (pixel(i + 1, j + 1) - pixel(i + 1, j));
      const float value = gain * (upper + bottom_share * (lower - upper)) + sample.bias;
      image[row * width + column] = std::clamp(value, 0.0f, 1.0f);
    }
  }
}

std::vector<Fixation> moved(const Sample& sample) {
  const Affine& map = sample.to_film;
  const float area = determinant(map);
  const float zoom = 1.0f / std::sqrt(std::abs(area));
  std::vector<Fixation> fixations(sample.fixations.begin(), sample.fixations.end());
  for (Fixation& f : fixations) {
    const float dx = f.x_px - map.x0, dy = f.y_px - map.y0;
    f.x_px = (map.yy * dx - map.xy * dy) / area;
    f.y_px = (map.xx * dy - map.yx * dx) / area;
    f.sigma_x_px *= zoom;
    f.sigma_y_px *= zoom;
  }
  return fixations;
}

}  // namespace

void sample_batch(const FilmStack& films, std::span<const Sample> samples, std::size_t height, std::size_t width,
                  const SampleOptions& options, float* images, float* heatmaps) {
  for (std::size_t i = 0; i < samples.size(); ++i) {
    const Sample& sample = samples[i];
    if (sample.film < 0 || static_cast<std::size_t>(sample.film) >= films.count) {
      throw Error(ErrorCode::invalid_argument, "sample " + std::to_string(i) + ": film " +
                                                   std::to_string(sample.film) + " of " +
                                                   std::to_string(films.count));
    }
    const float area = determinant(sample.to_film);
    const float sum = area + sample.to_film.x0 + sample.to_film.y0 + sample.gain + sample.bias;
    if (!std::isfinite(sum) || std::abs(area) < 1e-12f) {
      throw Error(ErrorCode::invalid_argument, "sample " + std::to_string(i) + ": the map to the film is not " +
                                                   "invertible or a number is not finite");
    }
  }
  HeatmapOptions heatmap = options.heatmap;
  heatmap.threads = 1;
  const std::size_t pixels = height * width;
  detail::parallel_for(samples.size(), options.threads, [&](std::size_t begin, std::size_t end) {
    for (std::size_t i = begin; i < end; ++i) {
      const std::uint16_t* film =
          films.pixels + static_cast<std::size_t>(samples[i].film) * films.height * films.width;
      warp(film, films, samples[i], height, width, images + i * pixels);
      rasterize_fixations(moved(samples[i]), height, width, heatmap, heatmaps + i * pixels);
    }
  });
}

}  // namespace egaze
