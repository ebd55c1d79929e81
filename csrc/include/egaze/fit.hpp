// How a radiograph of any shape is fitted to a canvas of fixed size.
#pragma once

#include <cstddef>

namespace egaze {

enum class Fit {
  stretch,   // the radiograph fills the canvas; its x and y scales may differ
  letterbox  // the radiograph keeps its aspect ratio and is centred; the rest of the canvas is black
};

// The part of the canvas that the radiograph covers.
struct FitRectangle {
  std::size_t top_px;
  std::size_t left_px;
  std::size_t height_px;
  std::size_t width_px;
};

// Throws Error(invalid_argument) if the radiograph or the canvas has no pixels.
FitRectangle fit_rectangle(std::size_t radiograph_height, std::size_t radiograph_width, std::size_t canvas_height,
                           std::size_t canvas_width, Fit fit);

}  // namespace egaze
