// The inner loops of the kernels. They are compiled once per instruction set and selected when the program runs.
#pragma once

#include <cstddef>
#include <cstdint>

#include "depthwise.hpp"

namespace egaze::detail {

// The kernels of many fixations along one axis, in blocks of Primitives::row_block or column_block pixels.
struct Profiles {
  // Row i, at values + i * stride, is the kernel of fixation i. It is defined only in the blocks that it touches.
  const float* values;
  std::size_t stride;
  // Bit i % 64 of touching[block * words + i / 64] says whether fixation i touches the block.
  const std::uint64_t* touching;
  std::size_t words;
};

// Primitives that write whole vectors may overwrite up to kMaxLanes - 1 floats past the end.
inline constexpr std::size_t kMaxLanes = 16;

// One row of sums, to which weighted rows are added.
struct RowSum {
  const float* weights;
  bool starts;  // the sums are set instead of added to
  float* sums;
};

inline constexpr std::size_t kMaxRows = 4;
inline constexpr std::size_t kTapBlock = 4;

// The rows or columns [begin, end).
struct Range {
  std::uint32_t begin;
  std::uint32_t end;
};

// scale * exp(-(a dx^2 + 2 b dx dy + c dy^2) / 2) at (x + dx, y + dy); zero where the exponent is below `lowest`.
struct Gaussian {
  float x;
  float y;
  float a;
  float b;
  float c;
  float scale;
  float lowest;
};

// The outputs of a depthwise convolution that are computed together. Halving 224 px, a common input size, gives
// multiples of 7.
inline constexpr std::size_t kDepthwisePixels = 7;

// The output channels of a convolution that are packed together; of the last ones, half as many if these are enough.
inline constexpr std::size_t kConvolutionColumns = 32;

// For each of some output pixels, `length` values that are multiplied by weights, `step` after those of the pixel
// before. The weights of a value are those of all columns, side by side; in bfloat16, those of two values alternate.
template <class Element>
struct PixelRun {
  const Element* values;
  std::size_t step;
  std::size_t length;
  const Element* weights;
};

// Some output pixels of a convolution, at most Primitives::convolution_pixels, of one panel of columns.
template <class Element>
struct ConvolvedPixels {
  const PixelRun<Element>* runs;
  std::size_t run_count;
  std::size_t pixels;
  std::size_t columns;   // kConvolutionColumns or half of it
  std::size_t live;      // the columns that the output has
  const float* bias;     // of all columns
  const Element* added;  // null or, like out, `live` values for each pixel, `step` after those of the pixel before
  Element* out;
  std::size_t step;
  Activation activation;
};

// The pixels of a row that a depthwise convolution reads, including the zeros on both sides.
std::size_t depthwise_row_px(const DepthwiseLayer& layer);

struct Primitives {
  const char* name;

  // The size of the blocks of outer_sum.
  std::size_t row_block;
  std::size_t column_block;

  // out[k] = scale * exp(-((start + k) * inverse_sigma)^2 / 2). The relative error is below 3e-6 within four sigmas and
  // below 4e-5 down to exp(-86): rounding the exponent to float32 contributes 4e-7 of its magnitude, and the polynomial
  // 3e-7. Writes whole vectors.
  void (*gaussian)(float start, std::size_t count, float inverse_sigma, float scale, float* out);

  // out[y][x] = base[y][x] + sum over i of rows_i[y] * columns_i[x], for y in [first_row, end_row) and x in
  // [0, width). base may be the same as out, or null for zero; first_row must be a multiple of row_block. Returns the
  // largest value, or 0 if it is negative.
  float (*outer_sum)(const Profiles& rows, const Profiles& columns, std::size_t first_row, std::size_t end_row,
                     std::size_t width, const float* base, float* out);

  void (*multiply)(float* values, std::size_t count, float factor);

  // Adds the weighted sum of `rows` rows, 1 to kMaxRows, to one row of sums, or to two at once, so that rows that two
  // sums share are read only once. A sum that `starts` is set instead.
  void (*add_uint8)(const std::uint8_t* const* in, std::size_t rows, std::size_t count, const RowSum& one);
  void (*add_uint16)(const std::uint16_t* const* in, std::size_t rows, std::size_t count, const RowSum& one);
  void (*add_float)(const float* const* in, std::size_t rows, std::size_t count, const RowSum& one);
  void (*add_uint8_twice)(const std::uint8_t* const* in, std::size_t rows, std::size_t count, const RowSum& one,
                          const RowSum& two);
  void (*add_uint16_twice)(const std::uint16_t* const* in, std::size_t rows, std::size_t count, const RowSum& one,
                           const RowSum& two);
  void (*add_float_twice)(const float* const* in, std::size_t rows, std::size_t count, const RowSum& one,
                          const RowSum& two);

  // out[x] = table[min(in[x], last)].
  void (*look_up_uint8)(const std::uint8_t* in, std::size_t count, const float* table, std::uint16_t last, float* out);
  void (*look_up_uint16)(const std::uint16_t* in, std::size_t count, const float* table, std::uint16_t last,
                         float* out);

  // out[x] = sum over k in [offset[x], offset[x + 1]) of weights[k] * in[begin[x] + k - offset[x]]. Offsets are
  // multiples of kTapBlock. Inputs of weight 0 do not count, even if they are not finite, but must be readable.
  void (*weigh)(const float* in, const std::uint32_t* begin, const std::uint32_t* offset, const float* weights,
                std::size_t count, float* out);

  // out[x] = in[x] * scale + shift; integers are rounded to nearest (ties to even) and saturated, and NaN becomes 0.
  void (*store_uint8)(const float* in, std::size_t count, float scale, float shift, std::uint8_t* out);
  void (*store_uint16)(const float* in, std::size_t count, float scale, float shift, std::uint16_t* out);
  void (*store_float)(const float* in, std::size_t count, float scale, float shift, float* out);

  // The primitives of sample.inc.

  // out[x] = upper[x] in the low half and lower[x] in the high half.
  void (*stack_rows)(const std::uint16_t* upper, const std::uint16_t* lower, std::size_t count, std::uint32_t* out);

  // out[k] = the image at (x + k * dx, y + k * dy), interpolated bilinearly and black outside. Both sides are at least
  // 2; the image is given as height - 1 rows from stack_rows.
  void (*warp_row)(const std::uint32_t* image, std::size_t height, std::size_t width, float x, float y, float dx,
                   float dy, std::size_t count, float* out);

  // out[x] = the mean of a 2x2 square of two rows, for (width + 1) / 2 squares; pixels beyond the width are black.
  void (*halve)(const std::uint16_t* upper, const std::uint16_t* lower, std::size_t width, std::uint16_t* out);

  // values = clamp(gain * values + bias, 0, 1)^gamma, with a relative error below 3e-6 * (1 + gamma). Values up to
  // 1e-30 become 0.
  void (*expose)(float* values, std::size_t count, float gain, float bias, float gamma);

  // Adds deviation * n to values and clamps them to [0, 1]. n is approximately standard normal: a scaled sum of eight
  // uniform numbers, within +-4.9, and a function of the key and first + k.
  void (*add_noise)(float* values, std::size_t count, std::uint32_t first, std::uint64_t key, float deviation);

  // Adds a Gaussian to the given rows and columns of a plane, with a relative error below 1e-4.
  void (*add_gaussian)(const Gaussian& gaussian, Range rows, Range columns, std::size_t width, float* out);

  // The largest of the values, or 0 if it is negative.
  float (*largest)(const float* values, std::size_t count);

  // The primitives of depthwise.inc.

  // See convolve_depthwise. `ring` is a buffer of zeros: kernel + 1 rows of depthwise_row_px pixels of kMaxLanes
  // floats.
  void (*depthwise_float)(const DepthwiseLayer& layer, const float* image, std::size_t begin, std::size_t end,
                          float* ring, float* out, float* means);
  void (*depthwise_bfloat16)(const DepthwiseLayer& layer, const std::uint16_t* image, std::size_t begin,
                             std::size_t end, float* ring, std::uint16_t* out, float* means);

  // values = activation(values); the relative error of sigmoid is below 3e-7 * (1 + |value| / 6).
  void (*activate)(float* values, std::size_t count, Activation activation);

  // values[r][k] *= factors[k].
  void (*multiply_rows_float)(float* values, std::size_t rows, std::size_t count, const float* factors);
  void (*multiply_rows_bfloat16)(std::uint16_t* values, std::size_t rows, std::size_t count, const float* factors);

  // The primitives of convolution.inc.

  std::size_t convolution_pixels;
  bool multiplies_bfloat16;  // by an instruction
  // out = activation(bias + added + sum over the runs of values * weights).
  void (*convolve_float)(const ConvolvedPixels<float>& pixels);
  void (*convolve_bfloat16)(const ConvolvedPixels<std::uint16_t>& pixels);
};

// The primitives of the instruction set that simd_level() names; see egaze/simd.hpp.
const Primitives& primitives();

}  // namespace egaze::detail
