// Fixations' kernels along one axis, for Primitives::outer_sum.
#pragma once

#include <cstddef>
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
  AxisProfiles(std::span<const Fixation> fixations, Axis axis, std::size_t size, const HeatmapOptions& options);

  Profiles view() const { return {values_.get(), stride_, spans_.data()}; }

  // The sum of profile i's values.
  double mass(std::size_t i) const;

  // Copies the profiles of some fixations, their values multiplied by a factor each.
  AxisProfiles(const AxisProfiles& from, std::span<const std::size_t> fixations, std::span<const float> factors);

 private:
  std::size_t block_;
  std::size_t stride_;
  std::unique_ptr<float[]> values_;
  std::vector<Span> spans_;
};

}  // namespace egaze::detail
