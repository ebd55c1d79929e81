// Image resizing in the pixel-area convention: both images cover the same rectangle, and the centre of output
// pixel i lies at input coordinate (i + 0.5) * in / out - 0.5.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "egaze/image.hpp"

namespace egaze {

enum class Filter {
  area,      // the mean of the part of the input that the output pixel covers
  bilinear,  // a triangle filter, widened for downsampling to avoid aliasing
  nearest    // the input pixel at the output pixel's centre
};

struct ResizeOptions {
  Filter filter = Filter::area;
  // For integer images: pixel value v means table[v], and a value past the end means the last entry. The table has 1 to
  // 65,536 entries; if it is empty, values mean themselves.
  std::span<const float> table = {};
  float scale = 1.0f;  // the output is value * scale + shift,
  float shift = 0.0f;  // rounded to nearest and saturated if its type is an integer
  int threads = 1;     // >= 1; the result does not depend on it
};

// Writes height * width pixels of the given type, row by row, to out.
// Throws Error(invalid_argument) if the input or output is empty, a table is given for float pixels or has more than
// 65,536 entries, or threads < 1.
void resize(const ImageView& image, std::size_t height, std::size_t width, PixelType out_type,
            const ResizeOptions& options, void* out);

}  // namespace egaze
