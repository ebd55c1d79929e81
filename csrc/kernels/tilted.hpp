// Heatmaps of Gaussians whose principal axes are not those of the image.
#pragma once

#include <cstddef>
#include <span>

#include "egaze/heatmap.hpp"
#include "egaze/sample.hpp"

namespace egaze::detail {

struct TiltedFixation {
  Fixation fixation;
  float correlation;  // of x and y, within (-1, 1)
  ShownPart shown_on_image = {};
};

// Like rasterize_fixations with kernel `sampled` and boundary `clip`, but each Gaussian is truncated where it falls
// below exp(-truncate^2 / 2) of its peak, and is zero at pixels that the map takes to a point that was not shown.
// Throws Error(invalid_argument) for another kernel or boundary, or if rasterize_fixations would throw.
void rasterize_tilted(std::span<const TiltedFixation> fixations, const Affine& to_image, std::size_t height,
                      std::size_t width, const HeatmapOptions& options, float* out);

}  // namespace egaze::detail
