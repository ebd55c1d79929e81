#include "egaze/heatmap.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <string>
#include <vector>

#include "egaze/error.hpp"
#include "parallel.hpp"

namespace egaze {
namespace {

// One fixation's kernel along one axis: values for the pixels [begin, begin + values.size()), zero elsewhere.
struct Profile {
  std::size_t begin = 0;
  std::vector<float> values;
};

// The pixel that index falls on when the axis is continued by mirroring (d c b a | a b c d | d c b a).
std::size_t mirrored(std::ptrdiff_t index, std::size_t size) {
  const auto period = 2 * static_cast<std::ptrdiff_t>(size);
  std::ptrdiff_t within = index % period;
  if (within < 0) within += period;
  return static_cast<std::size_t>(within < static_cast<std::ptrdiff_t>(size) ? within : period - 1 - within);
}

// The furthest a kernel may reach, so that no sum of offsets overflows and no call runs for hours.
constexpr double kMaxReachPx = 1 << 20;

// Adds value(d) for each pixel offset in [first, last] to the pixel it falls on.
template <class Value>
Profile collect(std::ptrdiff_t first, std::ptrdiff_t last, std::size_t size, Boundary boundary, Value&& value) {
  const auto end = static_cast<std::ptrdiff_t>(size);
  Profile profile;
  if (boundary == Boundary::clip || (first >= 0 && last < end)) {
    first = std::max<std::ptrdiff_t>(first, 0);
    last = std::min<std::ptrdiff_t>(last, end - 1);
    if (first > last) return profile;
    profile.begin = static_cast<std::size_t>(first);
    profile.values.resize(static_cast<std::size_t>(last - first + 1));
    for (std::ptrdiff_t i = first; i <= last; ++i) {
      profile.values[static_cast<std::size_t>(i - first)] = static_cast<float>(value(i));
    }
    return profile;
  }
  std::vector<double> folded(size, 0.0);
  for (std::ptrdiff_t i = first; i <= last; ++i) folded[mirrored(i, size)] += value(i);
  profile.values.assign(folded.begin(), folded.end());
  return profile;
}

Profile sampled_profile(double centre_px, double sigma_px, std::size_t size, const HeatmapOptions& options) {
  const auto end = static_cast<double>(size);
  if (options.boundary == Boundary::reflect && (centre_px < -0.5 || centre_px >= end - 0.5)) return {};
  const double width_px = options.truncate * sigma_px;
  double low = std::ceil(centre_px - width_px);
  double high = std::floor(centre_px + width_px);
  if (options.boundary == Boundary::clip) {
    low = std::max(low, 0.0);
    high = std::min(high, end - 1.0);
  }
  if (low > high) return {};
  const double density = 1.0 / (sigma_px * std::sqrt(2.0 * std::numbers::pi));
  const auto first = static_cast<std::ptrdiff_t>(low), last = static_cast<std::ptrdiff_t>(high);
  return collect(first, last, size, options.boundary, [&](std::ptrdiff_t i) {
    const double z = (static_cast<double>(i) - centre_px) / sigma_px;
    return density * std::exp(-0.5 * z * z);
  });
}

// scipy.ndimage.gaussian_filter1d: radius int(truncate * sigma + 0.5), taps exp(-d^2 / 2 sigma^2) normalised.
Profile scipy_profile(double centre_px, double sigma_px, std::size_t size, const HeatmapOptions& options) {
  const double nearest = std::floor(centre_px + 0.5);
  if (nearest < 0.0 || nearest >= static_cast<double>(size)) return {};
  const auto centre = static_cast<std::ptrdiff_t>(nearest);
  const auto radius = static_cast<std::ptrdiff_t>(options.truncate * sigma_px + 0.5);
  std::vector<double> taps(static_cast<std::size_t>(radius) + 1);
  double sum = 0.0;
  for (std::ptrdiff_t d = 0; d <= radius; ++d) {
    const double z = static_cast<double>(d) / sigma_px;
    taps[static_cast<std::size_t>(d)] = std::exp(-0.5 * z * z);
    sum += (d == 0 ? 1.0 : 2.0) * taps[static_cast<std::size_t>(d)];
  }
  return collect(centre - radius, centre + radius, size, options.boundary, [&](std::ptrdiff_t i) {
    return taps[static_cast<std::size_t>(std::abs(i - centre))] / sum;
  });
}

Profile profile(double centre_px, double sigma_px, std::size_t size, const HeatmapOptions& options) {
  return options.kernel == HeatmapKernel::sampled ? sampled_profile(centre_px, sigma_px, size, options)
                                                  : scipy_profile(centre_px, sigma_px, size, options);
}

void check(std::span<const Fixation> fixations, const HeatmapOptions& options) {
  const auto fail = [](const std::string& what) { throw Error(ErrorCode::invalid_argument, what); };
  if (!(options.truncate > 0.0) || !std::isfinite(options.truncate)) {
    fail("truncate must be a positive number, got " + std::to_string(options.truncate));
  }
  for (std::size_t i = 0; i < fixations.size(); ++i) {
    const Fixation& f = fixations[i];
    const std::string name = "fixation " + std::to_string(i);
    if (!std::isfinite(f.x_px) || !std::isfinite(f.y_px)) {
      fail(name + ": position must be finite, got (" + std::to_string(f.x_px) + ", " + std::to_string(f.y_px) + ")");
    }
    if (!std::isfinite(f.weight) || f.weight < 0.0f) {
      fail(name + ": weight must be finite and not negative, got " + std::to_string(f.weight));
    }
    for (const float sigma_px : {f.sigma_x_px, f.sigma_y_px}) {
      if (!std::isfinite(sigma_px) || !(sigma_px > 0.0f)) {
        fail(name + ": sigma must be a positive number of pixels, got " + std::to_string(sigma_px));
      }
      if (options.truncate * sigma_px > kMaxReachPx) {
        fail(name + ": truncate * sigma must be at most 1048576 px, got " +
             std::to_string(options.truncate * sigma_px));
      }
    }
  }
}

// The factor that normalisation asks for; 1 when there is nothing to normalise.
float normalizer(const float* heatmap, std::size_t count, Normalize normalize) {
  double total = 0.0;
  if (normalize == Normalize::max) {
    total = count == 0 ? 0.0 : *std::max_element(heatmap, heatmap + count);
  } else if (normalize == Normalize::sum) {
    for (std::size_t i = 0; i < count; ++i) total += heatmap[i];
  }
  return total > 0.0 ? static_cast<float>(1.0 / total) : 1.0f;
}

}  // namespace

void rasterize_fixations(std::span<const Fixation> fixations, std::size_t height, std::size_t width,
                         const HeatmapOptions& options, float* out) {
  check(fixations, options);
  std::vector<Profile> rows, columns;
  for (const Fixation& fixation : fixations) {
    Profile row = profile(fixation.y_px, fixation.sigma_y_px, height, options);
    Profile column = profile(fixation.x_px, fixation.sigma_x_px, width, options);
    if (fixation.weight == 0.0f || row.values.empty() || column.values.empty()) continue;
    for (float& value : row.values) value *= fixation.weight;
    rows.push_back(std::move(row));
    columns.push_back(std::move(column));
  }
  detail::parallel_for(height, options.threads, [&](std::size_t first_row, std::size_t end_row) {
    std::fill(out + first_row * width, out + end_row * width, 0.0f);
    for (std::size_t y = first_row; y < end_row; ++y) {
      float* line = out + y * width;
      for (std::size_t i = 0; i < rows.size(); ++i) {
        if (y < rows[i].begin || y - rows[i].begin >= rows[i].values.size()) continue;
        const float weight = rows[i].values[y - rows[i].begin];
        const float* values = columns[i].values.data();
        float* target = line + columns[i].begin;
        for (std::size_t k = 0; k < columns[i].values.size(); ++k) target[k] += weight * values[k];
      }
    }
  });
  const float factor = normalizer(out, height * width, options.normalize);
  if (factor != 1.0f) {
    for (std::size_t i = 0; i < height * width; ++i) out[i] *= factor;
  }
}

}  // namespace egaze
