// How a film of any shape is placed on a canvas of fixed size.
#pragma once

#include <cstddef>

namespace egaze {

enum class Fit {
  stretch,   // the film fills the canvas; its x and y scales may differ
  letterbox  // the film keeps its shape, is centred, and the rest is black
};

// Where the film comes to lie on the canvas.
struct FitRectangle {
  std::size_t top_px;
  std::size_t left_px;
  std::size_t height_px;
  std::size_t width_px;
};

// Throws Error(invalid_argument) for a film or canvas without pixels.
FitRectangle fit_rectangle(std::size_t film_height, std::size_t film_width, std::size_t canvas_height,
                           std::size_t canvas_width, Fit fit);

}  // namespace egaze
