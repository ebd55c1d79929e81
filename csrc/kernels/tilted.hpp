// Heatmaps of Gaussians whose axes are not the image's.
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

// As rasterize_fixations with kernel `sampled` and boundary `clip`, but each Gaussian is cut where it falls below
// exp(-truncate^2 / 2) of its peak, and zero at pixels that the map takes to a place not shown. Throws
// Error(invalid_argument) for another kernel or boundary, and as rasterize_fixations.
void rasterize_tilted(std::span<const TiltedFixation> fixations, const Affine& to_image, std::size_t height,
                      std::size_t width, const HeatmapOptions& options, float* out);

}  // namespace egaze::detail
