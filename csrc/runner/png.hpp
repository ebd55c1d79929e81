// 8-bit PNG files, without a library: the pixels are stored, not compressed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace egaze::runner {

// The file of height * width grey values or, where there are three times as many, colours, row by row. Both sides are
// at least 1.
std::vector<std::uint8_t> encode_png(std::span<const std::uint8_t> pixels, std::size_t height, std::size_t width);

}  // namespace egaze::runner
