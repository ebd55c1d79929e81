// How a radiograph comes to a model: placed on its study's canvas, which is then brought to the model's input. A study
// stores what the first step gives, so that what is trained on, judged and shipped is the same image.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "egaze/fit.hpp"
#include "egaze/image.hpp"

namespace egaze {

// Fills height * width values, row by row: the radiograph's means over what each pixel covers, rounded to 16 bits,
// 65535 for white, within the rectangle, and black around it. Radiographs are float32 in [0, 1], or integers that are
// divided by the largest value of their type, or that stand for what a table says (see ResizeOptions). The result does
// not depend on the threads.
// Throws Error(invalid_argument) for a radiograph without pixels, a rectangle that reaches beyond the canvas, a table
// that the radiograph cannot have, values that are not finite, and means outside of [0, 1].
void place_on_canvas(const ImageView& radiograph, std::span<const float> table, const FitRectangle& where,
                     std::size_t height, std::size_t width, int threads, std::uint16_t* canvas);

// Fills height * width values in [0, 1], row by row: the canvas's means over what each pixel covers, or, where a side
// grows, an interpolation between its pixels.
// Throws Error(invalid_argument) for a canvas or an input without pixels.
void to_input(const std::uint16_t* canvas, std::size_t canvas_height, std::size_t canvas_width, std::size_t height,
              std::size_t width, float* input);

}  // namespace egaze
