// Pictures of heatmaps on radiographs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "egaze/export.hpp"

namespace egaze {

// Red, green, blue and opacity of each of 256 levels of a heatmap.
using HeatmapColours = const std::uint8_t (&)[256][4];

// Blends a heatmap with a radiograph. `grey` and `levels` hold the same number of pixels, `rgb` three values for each.
EGAZE_API void blend_heatmap(std::span<const std::uint8_t> grey, std::span<const std::uint8_t> levels,
                             HeatmapColours colours, std::uint8_t* rgb);

// An RGB picture, height * width * 3 values row by row.
struct MarkedOverlay {
  std::size_t height = 0;
  std::size_t width = 0;
  std::vector<std::uint8_t> rgb;
};

// The picture of a heatmap on its radiograph for those who see nothing else: the radiograph's pixels keep their rows and
// columns, a colour bar from 0 to `highest` is on their right, and below them are the words that the picture is for
// research use and not for diagnosis. Nothing is drawn over the radiograph but the heatmap. `grey` and `levels` have
// height * width pixels; level 255 stands for the value `highest`.
EGAZE_API MarkedOverlay marked_overlay(std::span<const std::uint8_t> grey, std::span<const std::uint8_t> levels,
                                       std::size_t height, std::size_t width, HeatmapColours colours, float highest);

}  // namespace egaze
