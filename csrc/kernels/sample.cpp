#include "egaze/sample.hpp"

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "egaze/error.hpp"
#include "parallel.hpp"
#include "tilted.hpp"
#include "warp.hpp"

namespace egaze {
namespace {

// A Gaussian whose x and y correlate less than this is rasterized as if they were uncorrelated.
constexpr float kNegligibleCorrelation = 1e-4f;
// Up to this size float32 represents positions to a few hundredths of a pixel.
constexpr std::size_t kMaxSidePx = std::size_t{1} << 15;

double determinant(const Affine& map) {
  return static_cast<double>(map.xx) * map.yy - static_cast<double>(map.xy) * map.yx;
}

[[noreturn]] void fail(const std::string& what) { throw Error(ErrorCode::invalid_argument, what); }

void check(const Affine& map, std::size_t number) {
  const double area = determinant(map);
  if (!std::isfinite(area + map.x0 + map.y0) || std::abs(area) < 1e-12) {
    fail("sample " + std::to_string(number) + ": the map to the image is not invertible or a number is not finite");
  }
}

void check(const ImageStack& stack, std::span<const Sample> samples) {
  if (std::min(stack.height, stack.width) < 2 || std::max(stack.height, stack.width) > kMaxSidePx) {
    fail("images must have sides of 2 to 32768 pixels, got " + std::to_string(stack.height) + "x" +
         std::to_string(stack.width));
  }
  for (std::size_t i = 0; i < samples.size(); ++i) {
    const Sample& sample = samples[i];
    const auto name = [i] { return "sample " + std::to_string(i); };
    if (sample.image < 0 || static_cast<std::size_t>(sample.image) >= stack.count) {
      fail(name() + ": image " + std::to_string(sample.image) + " of " + std::to_string(stack.count));
    }
    check(sample.to_image, i);
    const auto& [gain, bias, gamma, noise, key] = sample.intensity;
    if (!std::isfinite(gain) || !std::isfinite(bias) || !(gamma > 0.0f && gamma < 100.0f) ||
        !(noise >= 0.0f && noise < 100.0f)) {
      fail(name() + ": gain and bias must be finite, gamma above 0 and noise not negative, both below 100, got " +
           std::to_string(gain) + ", " + std::to_string(bias) + ", " + std::to_string(gamma) + " and " +
           std::to_string(noise));
    }
  }
}

// A fixation transformed from the image to a view: the inverse of the map applies to its centre and its covariance.
detail::TiltedFixation moved(const Fixation& on_image, const Affine& map) {
  const double area = determinant(map);
  const double xx = map.yy / area, xy = -map.xy / area, yx = -map.yx / area, yy = map.xx / area;
  const double dx = static_cast<double>(on_image.x_px) - map.x0, dy = static_cast<double>(on_image.y_px) - map.y0;
  const double var_x = static_cast<double>(on_image.sigma_x_px) * on_image.sigma_x_px;
  const double var_y = static_cast<double>(on_image.sigma_y_px) * on_image.sigma_y_px;
  const double sigma_x = std::sqrt(xx * xx * var_x + xy * xy * var_y);
  const double sigma_y = std::sqrt(yx * yx * var_x + yy * yy * var_y);
  const double correlation = (xx * yx * var_x + xy * yy * var_y) / (sigma_x * sigma_y);
  return {{static_cast<float>(xx * dx + xy * dy), static_cast<float>(yx * dx + yy * dy), on_image.weight,
           // A negative sigma is kept, to be refused, instead of becoming positive.
           static_cast<float>(on_image.sigma_x_px > 0.0f ? sigma_x : on_image.sigma_x_px),
           static_cast<float>(on_image.sigma_y_px > 0.0f ? sigma_y : on_image.sigma_y_px)},
          static_cast<float>(std::clamp(correlation, -0.9999, 0.9999))};
}

// Whether axis-aligned rectangles of the image stay axis-aligned in the view, to a hundredth of an image pixel: the map
// only mirrors, scales, moves and rotates by multiples of 90 degrees.
bool keeps_axes(const Affine& map, std::size_t height, std::size_t width) {
  const auto side = static_cast<float>(std::max(height, width));
  constexpr float kNegligiblePx = 0.01f;
  return (std::abs(map.xy) * side < kNegligiblePx && std::abs(map.yx) * side < kNegligiblePx) ||
         (std::abs(map.xx) * side < kNegligiblePx && std::abs(map.yy) * side < kNegligiblePx);
}

// The part shown, transformed from the image to a view that keeps the axes.
ShownPart moved(const ShownPart& on_image, const Affine& map) {
  const bool turned = std::abs(map.xx) < std::abs(map.xy);  // the image's x runs along the view's y
  const auto side = [](float on_image, float slope, float start) { return (on_image - start) / slope; };
  const float x_a = turned ? side(on_image.y_min_px, map.yx, map.y0) : side(on_image.x_min_px, map.xx, map.x0);
  const float x_b = turned ? side(on_image.y_max_px, map.yx, map.y0) : side(on_image.x_max_px, map.xx, map.x0);
  const float y_a = turned ? side(on_image.x_min_px, map.xy, map.x0) : side(on_image.y_min_px, map.yy, map.y0);
  const float y_b = turned ? side(on_image.x_max_px, map.xy, map.x0) : side(on_image.y_max_px, map.yy, map.y0);
  return {std::min(x_a, x_b), std::min(y_a, y_b), std::max(x_a, x_b), std::max(y_a, y_b)};
}

void rasterize(const HeatmapView& view, std::size_t height, std::size_t width, const HeatmapOptions& options,
               float* heatmap) {
  std::vector<detail::TiltedFixation> tilted;
  std::vector<Fixation> upright;
  tilted.reserve(view.fixations.size());
  upright.reserve(view.fixations.size());
  bool is_upright = true;
  const bool axes_kept = keeps_axes(view.to_image, height, width);
  for (const Fixation& fixation : view.fixations) {
    tilted.push_back(moved(fixation, view.to_image));
    upright.push_back(tilted.back().fixation);
    is_upright = is_upright && std::abs(tilted.back().correlation) < kNegligibleCorrelation;
    if (fixation.shown == ShownPart{}) continue;
    tilted.back().shown_on_image = fixation.shown;
    is_upright = is_upright && axes_kept;
    if (axes_kept) upright.back().shown = moved(fixation.shown, view.to_image);
  }
  if (is_upright) {
    rasterize_fixations(upright, height, width, options, heatmap);
  } else {
    detail::rasterize_tilted(tilted, view.to_image, height, width, options, heatmap);
  }
}

}  // namespace

void sample_batch(const ImageStack& stack, std::span<const Sample> samples, std::size_t height, std::size_t width,
                  const SampleOptions& options, float* views, float* heatmaps) {
  check(stack, samples);
  HeatmapOptions heatmap = options.heatmap;
  heatmap.threads = 1;
  const std::size_t pixels = height * width;
  detail::parallel_for(samples.size(), options.threads, [&](std::size_t begin, std::size_t end) {
    for (std::size_t i = begin; i < end; ++i) {
      const std::uint16_t* stored =
          stack.pixels + static_cast<std::size_t>(samples[i].image) * stack.height * stack.width;
      detail::warp_image(stored, stack, samples[i], height, width, views + i * pixels);
      rasterize({samples[i].to_image, samples[i].fixations}, height, width, heatmap, heatmaps + i * pixels);
    }
  });
}

void sample_heatmaps(std::span<const HeatmapView> views, std::size_t height, std::size_t width,
                     const SampleOptions& options, float* heatmaps) {
  for (std::size_t i = 0; i < views.size(); ++i) check(views[i].to_image, i);
  HeatmapOptions heatmap = options.heatmap;
  heatmap.threads = 1;
  const std::size_t pixels = height * width;
  detail::parallel_for(views.size(), options.threads, [&](std::size_t begin, std::size_t end) {
    for (std::size_t i = begin; i < end; ++i) rasterize(views[i], height, width, heatmap, heatmaps + i * pixels);
  });
}

}  // namespace egaze
