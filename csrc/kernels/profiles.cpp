#include "profiles.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <utility>

namespace egaze::detail {
namespace {

// The pixels [first, last] that a kernel reaches, some of which may lie outside the image. Empty if last < first.
struct Reach {
  std::ptrdiff_t first = 0;
  std::ptrdiff_t last = -1;
};

// std::floor and std::ceil of numbers that fit std::ptrdiff_t, without a library call.
std::ptrdiff_t floored(double value) {
  const auto whole = static_cast<std::ptrdiff_t>(value);
  return whole - (static_cast<double>(whole) > value);
}
std::ptrdiff_t ceiled(double value) { return -floored(-value); }

Reach reach(double centre_px, double sigma_px, std::size_t size, const HeatmapOptions& options) {
  const auto end = static_cast<double>(size);
  const double reach_px = options.truncate * sigma_px;
  if (options.kernel == HeatmapKernel::scipy) {
    if (!(centre_px >= -0.5 && centre_px < end - 0.5)) return {};
    const std::ptrdiff_t nearest = floored(centre_px + 0.5), radius = floored(reach_px + 0.5);
    return {nearest - radius, nearest + radius};
  }
  double low = centre_px - reach_px, high = centre_px + reach_px;
  if (options.boundary == Boundary::clip) {
    low = std::max(low, 0.0);
    high = std::min(high, end - 1.0);
  } else if (!(centre_px >= -0.5 && centre_px < end - 0.5)) {
    return {};
  }
  // Compared before the casts, because positions far outside do not fit.
  return low > high ? Reach{} : Reach{ceiled(low), floored(high)};
}

// Adds the values of the pixels `part` to the pixels of `row` that they fall on when the axis is extended by reflection
// (d c b a | a b c d | d c b a). Returns the hull of those pixels, where `row` must be zero before.
std::pair<std::size_t, std::size_t> fold(const float* values, Reach part, std::size_t size, float* row) {
  const auto length = static_cast<std::ptrdiff_t>(size);
  std::ptrdiff_t begin = length, end = 0;
  const auto copy_of = [length](std::ptrdiff_t p) { return p >= 0 ? p / length : -((-p + length - 1) / length); };
  for (std::ptrdiff_t p = part.first; p <= part.last;) {
    const std::ptrdiff_t copy = copy_of(p);
    const std::ptrdiff_t within = p - copy * length;
    const std::ptrdiff_t run = std::min(length - within, part.last - p + 1);
    const bool mirrored = copy % 2 != 0;
    const std::ptrdiff_t low = mirrored ? length - within - run : within;
    begin = std::min(begin, low);
    end = std::max(end, low + run);
    const float* source = values + (p - part.first);
    for (std::ptrdiff_t k = 0; k < run; ++k) row[mirrored ? length - 1 - within - k : within + k] += source[k];
    p += run;
  }
  return {static_cast<std::size_t>(begin), static_cast<std::size_t>(end)};
}

std::size_t rounded_up(std::size_t value, std::size_t block) { return (value + block - 1) / block * block; }

// Space for whole blocks and one more vector. The stride is an odd number of cache lines, so that the same block of
// many profiles does not map to the same cache sets.
std::size_t stride_for(std::size_t size, std::size_t block) {
  constexpr std::size_t kLine = 16;
  const std::size_t lines = rounded_up(rounded_up(size, block), kLine) / kLine + 1;
  return (lines | 1) * kLine;
}

}  // namespace

AxisProfiles::AxisProfiles(std::size_t fixations, std::size_t size, std::size_t block)
    : size_(size),
      block_(block),
      stride_(stride_for(size, block)),
      words_((fixations + 63) / 64),
      values_(std::make_unique_for_overwrite<float[]>(stride_ * fixations)),
      spans_(fixations),
      touching_(rounded_up(size, block) / block * words_) {}

AxisProfiles::AxisProfiles(std::span<const Fixation> fixations, Axis axis, std::size_t size,
                           const HeatmapOptions& options, const Primitives& simd)
    : AxisProfiles(fixations.size(), size, axis == Axis::x ? simd.column_block : simd.row_block) {
  for (std::size_t i = 0; i < fixations.size(); ++i) {
    float* row = values_.get() + i * stride_;
    spans_[i] = make(fixations[i], axis, options, simd, row);
    if (fixations[i].shown != ShownPart{}) {
      const Span seen = shown(fixations[i], axis);
      const std::size_t first = std::max(spans_[i].begin, seen.begin), last = std::min(spans_[i].end, seen.end);
      spans_[i] = first < last ? Span{first, last} : Span{};
    }
    const auto [begin, end] = spans_[i];
    std::fill(row + begin / block_ * block_, row + begin, 0.0f);
    std::fill(row + end, row + rounded_up(end, block_), 0.0f);
    touch(i);
  }
}

// The pixels whose centres lie in the part shown.
AxisProfiles::Span AxisProfiles::shown(const Fixation& fixation, Axis axis) const {
  const double low = axis == Axis::x ? fixation.shown.x_min_px : fixation.shown.y_min_px;
  const double high = axis == Axis::x ? fixation.shown.x_max_px : fixation.shown.y_max_px;
  const auto end = static_cast<double>(size_);
  return {static_cast<std::size_t>(ceiled(std::clamp(low, 0.0, end))),
          static_cast<std::size_t>(ceiled(std::clamp(high, 0.0, end)))};
}

// Writes one fixation's kernel where it is not zero; up to a vector of floats after it may be overwritten.
AxisProfiles::Span AxisProfiles::make(const Fixation& fixation, Axis axis, const HeatmapOptions& options,
                                      const Primitives& simd, float* row) {
  const double centre_px = axis == Axis::x ? fixation.x_px : fixation.y_px;
  const double sigma_px = axis == Axis::x ? fixation.sigma_x_px : fixation.sigma_y_px;
  const float weight = axis == Axis::y ? fixation.weight : 1.0f;
  const Reach part = reach(centre_px, sigma_px, size_, options);
  if (part.last < part.first || weight == 0.0f) return {};

  const auto count = static_cast<std::size_t>(part.last - part.first + 1);
  const auto inverse_sigma = static_cast<float>(1.0 / sigma_px);
  const bool spills = part.first < 0 || part.last >= static_cast<std::ptrdiff_t>(size_);
  if (spills) unfolded_.resize(count + kMaxLanes);
  float* target = spills ? unfolded_.data() : row + part.first;
  if (options.kernel == HeatmapKernel::scipy) {
    // scipy.ndimage.gaussian_filter1d: taps exp(-d^2 / (2 sigma^2)), divided by their sum.
    if (taps_sigma_px_ != sigma_px) {
      const std::size_t radius = count / 2;
      taps_.resize(count + kMaxLanes);
      simd.gaussian(-static_cast<float>(radius), count, inverse_sigma, 1.0f, taps_.data());
      taps_sum_ = 0.0;
      for (std::size_t k = 0; k < count; ++k) taps_sum_ += taps_[k];
      taps_sigma_px_ = sigma_px;
    }
    const auto factor = static_cast<float>(weight / taps_sum_);
    for (std::size_t k = 0; k < count; ++k) target[k] = factor * taps_[k];
  } else {
    const double density = weight / (sigma_px * std::sqrt(2.0 * std::numbers::pi));
    const auto start = static_cast<float>(static_cast<double>(part.first) - centre_px);
    simd.gaussian(start, count, inverse_sigma, static_cast<float>(density), target);
  }

  if (!spills) return {static_cast<std::size_t>(part.first), static_cast<std::size_t>(part.last + 1)};
  if (options.boundary == Boundary::reflect) {
    std::fill_n(row, size_, 0.0f);
    const auto [begin, end] = fold(unfolded_.data(), part, size_, row);
    return {begin, end};
  }
  const auto begin = std::max<std::ptrdiff_t>(part.first, 0);
  const auto end = std::min<std::ptrdiff_t>(part.last + 1, static_cast<std::ptrdiff_t>(size_));
  std::copy(target + (begin - part.first), target + (end - part.first), row + begin);
  return {static_cast<std::size_t>(begin), static_cast<std::size_t>(end)};
}

void AxisProfiles::touch(std::size_t i) {
  const std::size_t end_block = rounded_up(spans_[i].end, block_) / block_;
  for (std::size_t block = spans_[i].begin / block_; block < end_block; ++block) {
    touching_[block * words_ + i / 64] |= std::uint64_t{1} << i % 64;
  }
}

AxisProfiles::AxisProfiles(const AxisProfiles& from, std::span<const std::size_t> fixations,
                           std::span<const float> factors)
    : AxisProfiles(fixations.size(), from.size_, from.block_) {
  for (std::size_t i = 0; i < fixations.size(); ++i) {
    const std::size_t source = fixations[i];
    spans_[i] = from.spans_[source];
    const std::size_t begin = spans_[i].begin / block_ * block_, end = rounded_up(spans_[i].end, block_);
    for (std::size_t k = begin; k < end; ++k) {
      values_[i * stride_ + k] = factors[i] * from.values_[source * stride_ + k];
    }
    touch(i);
  }
}

double AxisProfiles::mass(std::size_t i) const {
  double sum = 0.0;
  for (std::size_t k = spans_[i].begin; k < spans_[i].end; ++k) sum += values_[i * stride_ + k];
  return sum;
}

}  // namespace egaze::detail
