// A canvas as a view that shows the whole of it, before values are brought to [0, 1].
#pragma once

#include <cstddef>
#include <cstdint>

namespace egaze::detail {

// What the largest grey value is stored as.
inline constexpr float kWhite = 65535.0f;

// As to_input, in the canvas's own values.
void resize_canvas(const std::uint16_t* canvas, std::size_t canvas_height, std::size_t canvas_width, std::size_t height,
                   std::size_t width, float* values);

}  // namespace egaze::detail
