#include "egaze/heatmap.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>
#include <vector>

#include "egaze/error.hpp"
#include "parallel.hpp"
#include "profiles.hpp"
#include "simd/primitives.hpp"

namespace egaze {
namespace {

using detail::kMaxReachPx;
using detail::kMaxWeight;
using detail::kMinSigmaPx;

// Profiles of many fixations are computed in parts, which bounds their memory to 64 MiB.
constexpr std::size_t kMaxProfileValues = std::size_t{1} << 24;

[[noreturn]] void fail(const std::string& what) { throw Error(ErrorCode::invalid_argument, what); }

void check(std::span<const Fixation> fixations, const HeatmapOptions& options) {
  if (!(options.truncate > 0.0) || !std::isfinite(options.truncate)) {
    fail("truncate must be a positive number, got " + std::to_string(options.truncate));
  }
  for (std::size_t i = 0; i < fixations.size(); ++i) {
    const Fixation& f = fixations[i];
    const auto name = [i] { return "fixation " + std::to_string(i); };
    if (!std::isfinite(f.x_px) || !std::isfinite(f.y_px)) {
      fail(name() + ": position must be finite, got (" + std::to_string(f.x_px) + ", " + std::to_string(f.y_px) + ")");
    }
    if (!(f.weight >= 0.0f && f.weight <= kMaxWeight)) {
      fail(name() + ": weight must be 0 to 2^30, got " + std::to_string(f.weight));
    }
    const auto& [x_min, y_min, x_max, y_max] = f.shown;
    if (!(x_min <= x_max && y_min <= y_max)) {
      fail(name() + ": the part shown must have x_min, y_min not above x_max, y_max, got (" + std::to_string(x_min) +
           ", " + std::to_string(y_min) + ", " + std::to_string(x_max) + ", " + std::to_string(y_max) + ")");
    }
    for (const float sigma_px : {f.sigma_x_px, f.sigma_y_px}) {
      if (!std::isfinite(sigma_px) || !(sigma_px >= kMinSigmaPx)) {
        fail(name() + ": sigma must be a positive number of pixels, at least 2^-20, got " + std::to_string(sigma_px));
      }
      if (options.truncate * sigma_px > kMaxReachPx) {
        fail(name() + ": truncate * sigma must be at most 1048576 px, got " +
             std::to_string(options.truncate * sigma_px));
      }
    }
  }
}

// The totals of a heatmap that normalization needs.
struct Totals {
  double sum = 0.0;
  float largest = 0.0f;
};

// out = base + the fixations' heatmap; base may be the same as out, or null for zero.
Totals add_heatmap(const detail::AxisProfiles& rows, const detail::AxisProfiles& columns, std::size_t fixations,
                   std::size_t height, std::size_t width, const HeatmapOptions& options, const detail::Primitives& simd,
                   const float* base, float* out) {
  const std::size_t blocks = (height + simd.row_block - 1) / simd.row_block;
  std::vector<float> largest(blocks, 0.0f);
  detail::parallel_for(blocks, options.threads, [&](std::size_t first, std::size_t end) {
    largest[first] = simd.outer_sum(rows.view(), columns.view(), first * simd.row_block,
                                    std::min(height, end * simd.row_block), width, base, out);
  });
  Totals totals;
  totals.largest = *std::max_element(largest.begin(), largest.end());
  if (options.normalize == Normalize::sum) {
    for (std::size_t i = 0; i < fixations; ++i) totals.sum += rows.mass(i) * columns.mass(i);
  }
  return totals;
}

void normalize(const Totals& totals, const HeatmapOptions& options, std::size_t count, float* out) {
  const double total = options.normalize == Normalize::max   ? static_cast<double>(totals.largest)
                       : options.normalize == Normalize::sum ? totals.sum
                                                             : 0.0;
  if (!(total > 0.0)) return;
  const auto factor = static_cast<float>(1.0 / total);
  if (!std::isfinite(factor)) return;  // the heatmap is practically zero
  detail::parallel_for(count, options.threads, [&](std::size_t begin, std::size_t end) {
    detail::primitives().multiply(out + begin, end - begin, factor);
  });
}

void rasterize_checked(std::span<const Fixation> fixations, std::size_t height, std::size_t width,
                       const HeatmapOptions& options, float* out) {
  const std::size_t at_once = std::max<std::size_t>(1, kMaxProfileValues / (height + width + 128));
  const detail::Primitives& simd = detail::primitives();
  Totals totals;
  for (std::size_t begin = 0; begin == 0 || begin < fixations.size(); begin += at_once) {
    const auto part = fixations.subspan(begin, std::min(at_once, fixations.size() - begin));
    const detail::AxisProfiles rows(part, detail::Axis::y, height, options, simd);
    const detail::AxisProfiles columns(part, detail::Axis::x, width, options, simd);
    const float* base = begin == 0 ? nullptr : out;
    const Totals of_part = add_heatmap(rows, columns, part.size(), height, width, options, simd, base, out);
    totals = {totals.sum + of_part.sum, of_part.largest};
  }
  normalize(totals, options, height * width, out);
}

}  // namespace

void rasterize_fixations(std::span<const Fixation> fixations, std::size_t height, std::size_t width,
                         const HeatmapOptions& options, float* out) {
  check(fixations, options);
  rasterize_checked(fixations, height, width, options, out);
}

void rasterize_batch(std::span<const Fixation> fixations, std::span<const std::int64_t> offsets, std::size_t height,
                     std::size_t width, const HeatmapOptions& options, float* out) {
  if (offsets.empty() || offsets.front() != 0 || offsets.back() != static_cast<std::int64_t>(fixations.size()) ||
      !std::is_sorted(offsets.begin(), offsets.end())) {
    fail("offsets must rise from 0 to the number of fixations, " + std::to_string(fixations.size()));
  }
  check(fixations, options);
  HeatmapOptions one = options;
  one.threads = 1;
  detail::parallel_for(offsets.size() - 1, options.threads, [&](std::size_t first, std::size_t end) {
    for (std::size_t image = first; image < end; ++image) {
      const auto begin = static_cast<std::size_t>(offsets[image]);
      const auto part = fixations.subspan(begin, static_cast<std::size_t>(offsets[image + 1]) - begin);
      rasterize_checked(part, height, width, one, out + image * height * width);
    }
  });
}

void rasterize_frames(std::span<const Fixation> fixations, std::span<const float> weights, std::size_t frames,
                      std::size_t height, std::size_t width, const HeatmapOptions& options, float* out) {
  check(fixations, options);
  const std::size_t count = fixations.size();
  if (weights.size() != frames * count) fail("weights must hold frames * fixations numbers");
  for (const float weight : weights) {
    if (!(weight >= 0.0f && weight <= kMaxWeight)) {
      fail("a frame's weight must be 0 to 2^30, got " + std::to_string(weight));
    }
  }
  const detail::Primitives& simd = detail::primitives();
  const detail::AxisProfiles rows(fixations, detail::Axis::y, height, options, simd);
  const detail::AxisProfiles columns(fixations, detail::Axis::x, width, options, simd);
  Totals largest;
  Totals totals;
  const std::vector<float> ones(count, 1.0f);
  std::vector<std::size_t> changed;
  std::vector<float> change;
  for (std::size_t t = 0; t < frames; ++t) {
    const float* now = weights.data() + t * count;
    const float* before = t == 0 ? nullptr : now - count;
    // If no fixation loses weight, only the new weight is added to the previous frame. Subtracting weight would leave
    // rounding errors.
    const bool grows =
        before != nullptr && std::equal(before, before + count, now, [](float b, float n) { return b <= n; });
    changed.clear();
    change.clear();
    for (std::size_t i = 0; i < count; ++i) {
      const float difference = grows ? now[i] - before[i] : now[i];
      if (difference > 0.0f) {
        changed.push_back(i);
        change.push_back(difference);
      }
    }
    const detail::AxisProfiles new_rows(rows, changed, change);
    const detail::AxisProfiles new_columns(columns, changed, std::span(ones).first(changed.size()));
    float* frame = out + t * height * width;
    const float* base = grows ? frame - height * width : nullptr;
    const Totals added = add_heatmap(new_rows, new_columns, changed.size(), height, width, options, simd, base, frame);
    totals = {(grows ? totals.sum : 0.0) + added.sum, added.largest};
    largest = {std::max(largest.sum, totals.sum), std::max(largest.largest, totals.largest)};
  }
  normalize(largest, options, frames * height * width, out);
}

}  // namespace egaze
