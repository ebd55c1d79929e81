// The preprocessing of a radiograph for a model: it is placed on the study's canvas, and the canvas is resized to the
// model's input. A study stores the canvas, so that training, evaluation and deployment all see the same image.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "egaze/fit.hpp"
#include "egaze/image.hpp"

namespace egaze {

// Fills a canvas of height * width values, row by row. Within the rectangle each pixel is the mean of the part of the
// radiograph that it covers, rounded to 16 bits, where 65535 is white; around the rectangle the canvas is black. The
// radiograph's pixels are float32 in [0, 1], or integers, which are divided by the maximum of their type or looked up
// in a table (see ResizeOptions). The result does not depend on the number of threads.
// Throws Error(invalid_argument) if the radiograph has no pixels, the rectangle extends beyond the canvas, the table
// does not suit the pixel type, or a value is not finite or a mean lies outside [0, 1].
void place_on_canvas(const ImageView& radiograph, std::span<const float> table, const FitRectangle& where,
                     std::size_t height, std::size_t width, int threads, std::uint16_t* canvas);

// Fills a model's input of height * width values in [0, 1], row by row, by resizing the canvas: with the area filter,
// or with the bilinear filter if either side grows.
// Throws Error(invalid_argument) if the canvas or the input has no pixels.
void to_input(const std::uint16_t* canvas, std::size_t canvas_height, std::size_t canvas_width, std::size_t height,
              std::size_t width, float* input);

}  // namespace egaze
