// Resizing of a whole canvas, shared by to_input and by views that show the whole image.
#pragma once

#include <cstddef>
#include <cstdint>

namespace egaze::detail {

// The stored value of white.
inline constexpr float kWhite = 65535.0f;

// Like to_input, but the result keeps the canvas's range of 0 to kWhite.
void resize_canvas(const std::uint16_t* canvas, std::size_t canvas_height, std::size_t canvas_width, std::size_t height,
                   std::size_t width, float* values);

}  // namespace egaze::detail
