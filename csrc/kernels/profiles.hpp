// Fixations' kernels along one axis, for Primitives::outer_sum.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "egaze/heatmap.hpp"
#include "simd/primitives.hpp"

namespace egaze::detail {

enum class Axis { x, y };

class AxisProfiles {
 public:
  // One profile a fixation over `size` pixels; those along y carry the fixations' weights. Fixations are checked.
  AxisProfiles(std::span<const Fixation> fixations, Axis axis, std::size_t size, const HeatmapOptions& options,
               const Primitives& simd);

  Profiles view() const { return {values_.get(), stride_, touching_.data(), words_}; }

  // The sum of profile i's values.
  double mass(std::size_t i) const;

  // Copies the profiles of some fixations, their values multiplied by a factor each.
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
  std::vector<float> unfolded_;  // kernels that reach beyond the axis, before they are folded or cut
  // The taps of this sigma, for the kernel scipy: the same sigma, the same taps.
  std::vector<float> taps_;
  double taps_sigma_px_ = 0.0;
  double taps_sum_ = 0.0;
};

}  // namespace egaze::detail
