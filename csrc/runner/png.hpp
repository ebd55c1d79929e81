// Encodes 8-bit PNG files without a library: the pixels are stored without compression.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace egaze::runner {

// Encodes height * width grey values or, if there are three times as many values, RGB colours, row by row. Both sides
// must be at least 1.
std::vector<std::uint8_t> encode_png(std::span<const std::uint8_t> pixels, std::size_t height, std::size_t width);

}  // namespace egaze::runner
