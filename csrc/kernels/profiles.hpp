// The one-dimensional kernels of fixations along one axis, for Primitives::outer_sum.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "egaze/heatmap.hpp"
#include "simd/primitives.hpp"

namespace egaze::detail {

// The limits of rasterize_fixations, far beyond any practical use: within them no offset overflows, no value becomes
// infinite and no call takes hours.
inline constexpr double kMaxReachPx = 1 << 20;
inline constexpr float kMinSigmaPx = 1.0f / (1 << 20);
inline constexpr float kMaxWeight = 0x1p30f;

enum class Axis { x, y };

class AxisProfiles {
 public:
  // One profile per fixation over `size` pixels. Those along y include the fixations' weights. The fixations must have
  // been checked.
  AxisProfiles(std::span<const Fixation> fixations, Axis axis, std::size_t size, const HeatmapOptions& options,
               const Primitives& simd);

  Profiles view() const { return {values_.get(), stride_, touching_.data(), words_}; }

  // The sum of the values of profile i.
  double mass(std::size_t i) const;

  // Copies the profiles of some fixations, each multiplied by a factor.
  AxisProfiles(const AxisProfiles& from, std::span<const std::size_t> fixations, std::span<const float> factors);

 private:
  // Where a profile is not zero: [begin, end).
  struct Span {
    std::size_t begin = 0;
    std::size_t end = 0;
  };

  AxisProfiles(std::size_t fixations, std::size_t size, std::size_t block);
  Span shown(const Fixation& fixation, Axis axis) const;
  Span make(const Fixation& fixation, Axis axis, const HeatmapOptions& options, const Primitives& simd, float* row);
  void touch(std::size_t i);

  std::size_t size_;
  std::size_t block_;
  std::size_t stride_;
  std::size_t words_;
  std::unique_ptr<float[]> values_;
  std::vector<Span> spans_;
  std::vector<std::uint64_t> touching_;
  std::vector<float> unfolded_;  // a kernel that extends beyond the axis, before it is reflected or clipped
  // The taps of the last sigma for HeatmapKernel::scipy, which are reused while sigma does not change.
  std::vector<float> taps_;
  double taps_sigma_px_ = 0.0;
  double taps_sum_ = 0.0;
};

}  // namespace egaze::detail
