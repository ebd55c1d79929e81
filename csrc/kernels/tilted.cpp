#include "tilted.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numbers>
#include <string>

#include "egaze/error.hpp"
#include "simd/primitives.hpp"

namespace egaze::detail {
namespace {

// The limits of rasterize_fixations.
constexpr double kMaxReachPx = 1 << 20;
constexpr float kMinSigmaPx = 1.0f / (1 << 20);
constexpr float kMaxWeight = 1 << 30;

// The pixels within reach of a centre along one axis.
Range within_reach(double centre_px, double reach_px, std::size_t size) {
  const double begin = std::max(std::ceil(centre_px - reach_px), 0.0);
  const double end = std::min(std::floor(centre_px + reach_px) + 1.0, static_cast<double>(size));
  if (!(begin < end)) return {0, 0};
  return {static_cast<std::uint32_t>(begin), static_cast<std::uint32_t>(end)};
}

void check(std::span<const TiltedFixation> fixations, const HeatmapOptions& options) {
  const auto fail = [](const std::string& what) { throw Error(ErrorCode::invalid_argument, what); };
  if (options.kernel != HeatmapKernel::sampled || options.boundary != Boundary::clip) {
    fail("tilted Gaussians need kernel 'sampled' and boundary 'clip'");
  }
  if (!(options.truncate > 0.0) || !std::isfinite(options.truncate)) {
    fail("truncate must be a positive number, got " + std::to_string(options.truncate));
  }
  for (std::size_t i = 0; i < fixations.size(); ++i) {
    const Fixation& f = fixations[i].fixation;
    const double reach_px = options.truncate * std::max(f.sigma_x_px, f.sigma_y_px);
    if (!std::isfinite(f.x_px) || !std::isfinite(f.y_px) || !(f.weight >= 0.0f && f.weight <= kMaxWeight) ||
        !(std::min(f.sigma_x_px, f.sigma_y_px) >= kMinSigmaPx) || !(reach_px <= kMaxReachPx)) {
      fail("fixation " + std::to_string(i) + ": expected a finite position, a weight of 0 to 2^30, a positive sigma " +
           "of at least 2^-20 px, and truncate * sigma of at most 2^20 px, got (" + std::to_string(f.x_px) + ", " +
           std::to_string(f.y_px) + "), " + std::to_string(f.weight) + " and (" + std::to_string(f.sigma_x_px) + ", " +
           std::to_string(f.sigma_y_px) + ")");
    }
  }
}

void normalize_plane(Normalize normalize, std::size_t count, float* out) {
  double total = 0.0;
  if (normalize == Normalize::max) total = primitives().largest(out, count);
  if (normalize == Normalize::sum) {
    for (std::size_t i = 0; i < count; ++i) total += out[i];
  }
  if (!(total > 0.0)) return;
  const auto factor = static_cast<float>(1.0 / total);
  if (std::isfinite(factor)) primitives().multiply(out, count, factor);
}

}  // namespace

void rasterize_tilted(std::span<const TiltedFixation> fixations, std::size_t height, std::size_t width,
                      const HeatmapOptions& options, float* out) {
  check(fixations, options);
  std::fill_n(out, height * width, 0.0f);
  for (const auto& [fixation, correlation] : fixations) {
    const double sigma_x = fixation.sigma_x_px, sigma_y = fixation.sigma_y_px;
    const Range columns = within_reach(fixation.x_px, options.truncate * sigma_x, width);
    const Range rows = within_reach(fixation.y_px, options.truncate * sigma_y, height);
    if (columns.begin == columns.end || rows.begin == rows.end || fixation.weight == 0.0f) continue;
    // The inverse of the covariance (sigma_x^2, c; c, sigma_y^2), c = correlation * sigma_x * sigma_y.
    const double rest = 1.0 - static_cast<double>(correlation) * correlation;
    const double peak = fixation.weight / (2.0 * std::numbers::pi * sigma_x * sigma_y * std::sqrt(rest));
    const Gaussian gaussian{fixation.x_px,
                            fixation.y_px,
                            static_cast<float>(1.0 / (rest * sigma_x * sigma_x)),
                            static_cast<float>(-correlation / (rest * sigma_x * sigma_y)),
                            static_cast<float>(1.0 / (rest * sigma_y * sigma_y)),
                            static_cast<float>(peak),
                            static_cast<float>(-0.5 * options.truncate * options.truncate)};
    primitives().add_gaussian(gaussian, rows, columns, width, out);
  }
  normalize_plane(options.normalize, height * width, out);
}

}  // namespace egaze::detail
