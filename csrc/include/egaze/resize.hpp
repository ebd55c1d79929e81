// Image resizing in the pixel-area convention: both images cover the same rectangle, and the centre of output
// pixel i lies at (i + 0.5) * in / out - 0.5 of the input.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "egaze/image.hpp"

namespace egaze {

enum class Filter {
  area,      // the mean over the part of the input that the output pixel covers
  bilinear,  // a triangle, widened when shrinking so that it does not alias
  nearest    // the input pixel under the output pixel's centre
};

struct ResizeOptions {
  Filter filter = Filter::area;
  // For integer images: pixel value v stands for table[v], a value beyond the table for its last entry. 1 to 65,536
  // entries, or none for values that stand for themselves.
  std::span<const float> table = {};
  float scale = 1.0f;  // the output is value * scale + shift,
  float shift = 0.0f;  // rounded to nearest and saturated when it is of an integer type
  int threads = 1;     // >= 1; the result does not depend on it
};

// Writes height * width pixels of the given type, row by row, to out.
// Throws Error(invalid_argument) for an empty input or output, a table for float pixels or of more than 65,536 entries,
// or threads < 1.
void resize(const ImageView& image, std::size_t height, std::size_t width, PixelType out_type,
            const ResizeOptions& options, void* out);

}  // namespace egaze
