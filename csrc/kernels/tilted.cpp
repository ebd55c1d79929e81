#include "tilted.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numbers>
#include <string>
#include <vector>

#include "egaze/error.hpp"
#include "profiles.hpp"
#include "simd/primitives.hpp"

namespace egaze::detail {
namespace {

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
    const ShownPart& shown = fixations[i].shown_on_image;
    if (!(shown.x_min_px <= shown.x_max_px && shown.y_min_px <= shown.y_max_px)) {
      fail("fixation " + std::to_string(i) + ": the part shown must have x_min, y_min not above x_max, y_max");
    }
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

// Cuts [first, end) down to the x at which slope * x + start lies in [low, high).
void cut(double slope, double start, double low, double high, double& first, double& end) {
  if (slope == 0.0) {
    if (!(low <= start && start < high)) end = first;
    return;
  }
  const double from = (low - start) / slope, to = (high - start) / slope;
  if (slope > 0.0) {
    first = std::max(first, std::ceil(from));
    end = std::min(end, std::ceil(to));
  } else {  // (to, from]
    first = std::max(first, std::floor(to) + 1.0);
    end = std::min(end, std::floor(from) + 1.0);
  }
}

// The pixels of row y, within the given columns, that map to a point of the image that was shown. They are contiguous
// because the part shown is convex.
Range shown_in_row(const ShownPart& shown, const Affine& map, std::uint32_t y, Range columns) {
  double first = columns.begin, end = columns.end;
  cut(map.xx, static_cast<double>(map.xy) * y + map.x0, shown.x_min_px, shown.x_max_px, first, end);
  cut(map.yx, static_cast<double>(map.yy) * y + map.y0, shown.y_min_px, shown.y_max_px, first, end);
  if (!(first < end)) return {columns.begin, columns.begin};
  return {static_cast<std::uint32_t>(first), static_cast<std::uint32_t>(end)};
}

// Whether a pixel maps to a point of the image that was shown.
bool is_shown(const ShownPart& shown, const Affine& map, std::uint32_t x, std::uint32_t y) {
  const Range at = shown_in_row(shown, map, y, {x, x + 1});
  return at.begin < at.end;
}

}  // namespace

void rasterize_tilted(std::span<const TiltedFixation> fixations, const Affine& to_image, std::size_t height,
                      std::size_t width, const HeatmapOptions& options, float* out) {
  check(fixations, options);
  std::fill_n(out, height * width, 0.0f);
  std::vector<float> whole;  // a Gaussian before it is cut to the part shown
  for (const auto& [fixation, correlation, shown] : fixations) {
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
    const bool all_shown = is_shown(shown, to_image, columns.begin, rows.begin) &&
                           is_shown(shown, to_image, columns.end - 1, rows.begin) &&
                           is_shown(shown, to_image, columns.begin, rows.end - 1) &&
                           is_shown(shown, to_image, columns.end - 1, rows.end - 1);
    if (all_shown) {
      primitives().add_gaussian(gaussian, rows, columns, width, out);
      continue;
    }
    whole.resize(height * width);
    for (std::size_t y = rows.begin; y < rows.end; ++y) {
      std::fill(whole.data() + y * width + columns.begin, whole.data() + y * width + columns.end, 0.0f);
    }
    primitives().add_gaussian(gaussian, rows, columns, width, whole.data());
    for (std::uint32_t y = rows.begin; y < rows.end; ++y) {
      const Range seen = shown_in_row(shown, to_image, y, columns);
      for (std::size_t x = seen.begin; x < seen.end; ++x) out[y * width + x] += whole[y * width + x];
    }
  }
  normalize_plane(options.normalize, height * width, out);
}

}  // namespace egaze::detail
