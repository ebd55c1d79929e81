#include "profiles.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace egaze::detail {
namespace {

// The pixels [first, last] that a kernel reaches, not yet brought onto the image. Empty when last < first.
struct Reach {
  std::ptrdiff_t first = 0;
  std::ptrdiff_t last = -1;
};

Reach reach(double centre_px, double sigma_px, std::size_t size, const HeatmapOptions& options) {
  const auto end = static_cast<double>(size);
  double low, high;
  if (options.kernel == HeatmapKernel::scipy) {
    const double nearest = std::floor(centre_px + 0.5);
    if (nearest < 0.0 || nearest >= end) return {};
    const double radius = std::floor(options.truncate * sigma_px + 0.5);
    low = nearest - radius;
    high = nearest + radius;
  } else {
    if (options.boundary == Boundary::reflect && (centre_px < -0.5 || centre_px >= end - 0.5)) return {};
    low = std::ceil(centre_px - options.truncate * sigma_px);
    high = std::floor(centre_px + options.truncate * sigma_px);
  }
  if (options.boundary == Boundary::clip && options.kernel == HeatmapKernel::sampled) {
    low = std::max(low, 0.0);
    high = std::min(high, end - 1.0);
  }
  if (low > high) return {};
  return {static_cast<std::ptrdiff_t>(low), static_cast<std::ptrdiff_t>(high)};
}

// Adds values, which stand for the pixels from `first` on, to the pixels they fall on when the axis is continued by
// mirroring (d c b a | a b c d | d c b a). Returns the hull of those pixels; `row` is zero there before.
Span fold(const float* values, Reach part, std::size_t size, float* row) {
  const auto length = static_cast<std::ptrdiff_t>(size);
  std::ptrdiff_t begin = length, end = 0;
  const auto copy_of = [length](std::ptrdiff_t p) { return p >= 0 ? p / length : -((-p + length - 1) / length); };
  for (std::ptrdiff_t p = part.first; p <= part.last;) {
    const std::ptrdiff_t copy = copy_of(p);
    const std::ptrdiff_t within = p - copy * length;
    const std::ptrdiff_t run = std::min(length - within, part.last - p + 1);
    const bool mirrored = copy % 2 != 0;
    const std::ptrdiff_t low = mirrored ? length - within - run : within;
    if (begin > low) begin = low;
    if (end < low + run) end = low + run;
    const float* source = values + (p - part.first);
    for (std::ptrdiff_t k = 0; k < run; ++k) row[mirrored ? length - 1 - within - k : within + k] += source[k];
    p += run;
  }
  return {static_cast<std::uint32_t>(begin), static_cast<std::uint32_t>(end)};
}

std::size_t rounded_up(std::size_t value, std::size_t block) { return (value + block - 1) / block * block; }

}  // namespace

AxisProfiles::AxisProfiles(std::span<const Fixation> fixations, Axis axis, std::size_t size,
                           const HeatmapOptions& options)
    : block_(axis == Axis::x ? kColumnBlock : kRowBlock),
      stride_(rounded_up(size, block_)),
      values_(std::make_unique_for_overwrite<float[]>(stride_ * fixations.size())),
      spans_(fixations.size()) {
  const Primitives& simd = primitives();
  const bool is_scipy = options.kernel == HeatmapKernel::scipy;
  std::vector<float> taps;      // of the sigma below, kernel scipy only
  double taps_sigma_px = 0.0;
  double taps_sum = 0.0;
  std::vector<float> unfolded;
  for (std::size_t i = 0; i < fixations.size(); ++i) {
    const Fixation& fixation = fixations[i];
    const double centre_px = axis == Axis::x ? fixation.x_px : fixation.y_px;
    const double sigma_px = axis == Axis::x ? fixation.sigma_x_px : fixation.sigma_y_px;
    const auto weight = axis == Axis::y ? fixation.weight : 1.0f;
    float* row = values_.get() + i * stride_;
    const Reach part = reach(centre_px, sigma_px, size, options);
    if (part.last < part.first || weight == 0.0f) {
      spans_[i] = {0, 0};
      continue;
    }
    const auto count = static_cast<std::size_t>(part.last - part.first + 1);
    const auto inverse_sigma = static_cast<float>(1.0 / sigma_px);
    const bool spills = part.first < 0 || part.last >= static_cast<std::ptrdiff_t>(size);
    float* target = row + (spills ? 0 : part.first);
    if (spills) {
      unfolded.resize(count);
      target = unfolded.data();
    }
    if (is_scipy) {
      // scipy.ndimage.gaussian_filter1d: taps exp(-d^2 / 2 sigma^2) over their sum. The same sigma, the same taps.
      if (taps_sigma_px != sigma_px) {
        taps.resize(count);
        simd.gaussian(-static_cast<float>(count / 2), count, inverse_sigma, 1.0f, taps.data());
        taps_sum = 0.0;
        for (const float tap : taps) taps_sum += tap;
        taps_sigma_px = sigma_px;
      }
      const auto factor = static_cast<float>(weight / taps_sum);
      for (std::size_t k = 0; k < count; ++k) target[k] = factor * taps[k];
    } else {
      const double density = weight / (sigma_px * std::sqrt(2.0 * std::numbers::pi));
      const auto start = static_cast<float>(static_cast<double>(part.first) - centre_px);
      simd.gaussian(start, count, inverse_sigma, static_cast<float>(density), target);
    }
    if (!spills) {
      spans_[i] = {static_cast<std::uint32_t>(part.first), static_cast<std::uint32_t>(part.last + 1)};
    } else if (options.boundary == Boundary::reflect) {
      std::fill_n(row, stride_, 0.0f);
      spans_[i] = fold(unfolded.data(), part, size, row);
      continue;
    } else {
      const auto begin = std::max<std::ptrdiff_t>(part.first, 0);
      const auto end = std::min<std::ptrdiff_t>(part.last + 1, static_cast<std::ptrdiff_t>(size));
      std::copy(unfolded.data() + (begin - part.first), unfolded.data() + (end - part.first), row + begin);
      spans_[i] = {static_cast<std::uint32_t>(begin), static_cast<std::uint32_t>(end)};
    }
    std::fill(row + spans_[i].begin / block_ * block_, row + spans_[i].begin, 0.0f);
    std::fill(row + spans_[i].end, row + rounded_up(spans_[i].end, block_), 0.0f);
  }
}

AxisProfiles::AxisProfiles(const AxisProfiles& from, std::span<const std::size_t> fixations,
                           std::span<const float> factors)
    : block_(from.block_),
      stride_(from.stride_),
      values_(std::make_unique_for_overwrite<float[]>(stride_ * fixations.size())),
      spans_(fixations.size()) {
  for (std::size_t i = 0; i < fixations.size(); ++i) {
    const std::size_t source = fixations[i];
    spans_[i] = from.spans_[source];
    const std::size_t begin = spans_[i].begin / block_ * block_, end = rounded_up(spans_[i].end, block_);
    for (std::size_t k = begin; k < end; ++k) {
      values_[i * stride_ + k] = factors[i] * from.values_[source * stride_ + k];
    }
  }
}

double AxisProfiles::mass(std::size_t i) const {
  double sum = 0.0;
  for (std::size_t k = spans_[i].begin; k < spans_[i].end; ++k) sum += values_[i * stride_ + k];
  return sum;
}

}  // namespace egaze::detail
