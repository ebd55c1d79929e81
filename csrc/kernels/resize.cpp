#include "egaze/resize.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "egaze/error.hpp"
#include "parallel.hpp"
#include "simd/primitives.hpp"

namespace egaze {
namespace {

// For each output index, the input indices it reads and their weights, which sum to 1.
struct Taps {
  std::vector<std::uint32_t> begin;   // first input index of each output index
  std::vector<std::uint32_t> offset;  // where its weights start; one more entry than outputs
  std::vector<float> weight;
};

// The weights of output index i and the first input index they are for.
std::size_t weigh_inputs(std::size_t i, std::size_t in, double scale, Filter filter, std::vector<double>& weights) {
  weights.clear();
  const double low = static_cast<double>(i) * scale;
  if (filter == Filter::nearest) {
    weights.push_back(1.0);
    return std::min(in - 1, static_cast<std::size_t>((static_cast<double>(i) + 0.5) * scale));
  }
  if (filter == Filter::area) {
    const double high = std::min(static_cast<double>(i + 1) * scale, static_cast<double>(in));
    const std::size_t first = std::min(in - 1, static_cast<std::size_t>(low));
    for (std::size_t j = first; j < in; ++j) {
      const double covered = std::min(high, static_cast<double>(j + 1)) - std::max(low, static_cast<double>(j));
      if (covered <= 0.0) break;
      weights.push_back(covered);
    }
    if (weights.empty()) weights.push_back(1.0);
    return first;
  }
  const double support = std::max(scale, 1.0);
  const double centre = low + 0.5 * scale;
  const auto first = static_cast<std::size_t>(std::max(0.0, std::floor(centre - support + 0.5)));
  const std::size_t end = std::min(in, static_cast<std::size_t>(centre + support + 0.5));
  for (std::size_t j = first; j < end; ++j) {
    weights.push_back(std::max(0.0, 1.0 - std::abs(static_cast<double>(j) + 0.5 - centre) / support));
  }
  return first;
}

Taps make_taps(std::size_t in, std::size_t out, Filter filter) {
  const double scale = static_cast<double>(in) / static_cast<double>(out);
  Taps taps;
  taps.begin.reserve(out);
  taps.offset.reserve(out + 1);
  taps.offset.push_back(0);
  std::vector<double> weights;
  for (std::size_t i = 0; i < out; ++i) {
    taps.begin.push_back(static_cast<std::uint32_t>(weigh_inputs(i, in, scale, filter, weights)));
    double sum = 0.0;
    for (const double w : weights) sum += w;
    for (const double w : weights) taps.weight.push_back(static_cast<float>(w / sum));
    taps.offset.push_back(static_cast<std::uint32_t>(taps.weight.size()));
  }
  return taps;
}

void sum_rows(const std::uint8_t* const* rows, const float* weights, std::size_t count, std::size_t width, float* out) {
  detail::primitives().sum_uint8(rows, weights, count, width, out);
}
void sum_rows(const std::uint16_t* const* rows, const float* weights, std::size_t count, std::size_t width,
              float* out) {
  detail::primitives().sum_uint16(rows, weights, count, width, out);
}
void sum_rows(const float* const* rows, const float* weights, std::size_t count, std::size_t width, float* out) {
  detail::primitives().sum_float(rows, weights, count, width, out);
}

// Rows of an image with their pixels one after the other, copied where they are not so in the image.
template <class In>
class DenseRows {
 public:
  explicit DenseRows(const ImageView& image)
      : image_(image), is_dense_(image.column_stride_bytes == static_cast<std::ptrdiff_t>(sizeof(In))) {}

  // The rows [first, first + count); valid until the next call.
  const In* const* rows(std::size_t first, std::size_t count) {
    rows_.resize(count);
    if (!is_dense_) copies_.resize(count * image_.width);
    for (std::size_t k = 0; k < count; ++k) {
      const char* row = static_cast<const char*>(image_.data) +
                        static_cast<std::ptrdiff_t>(first + k) * image_.row_stride_bytes;
      rows_[k] = reinterpret_cast<const In*>(row);
      if (is_dense_) continue;
      In* copy = copies_.data() + k * image_.width;
      for (std::size_t x = 0; x < image_.width; ++x) {
        copy[x] = *reinterpret_cast<const In*>(row + static_cast<std::ptrdiff_t>(x) * image_.column_stride_bytes);
      }
      rows_[k] = copy;
    }
    return rows_.data();
  }

 private:
  const ImageView& image_;
  bool is_dense_;
  std::vector<const In*> rows_;
  std::vector<In> copies_;
};

void store_row(const float* values, std::size_t width, std::size_t y, PixelType type, const ResizeOptions& options,
               void* out) {
  const detail::Primitives& simd = detail::primitives();
  const std::size_t at = y * width;
  switch (type) {
    case PixelType::uint8:
      return simd.store_uint8(values, width, options.scale, options.shift, static_cast<std::uint8_t*>(out) + at);
    case PixelType::uint16:
      return simd.store_uint16(values, width, options.scale, options.shift, static_cast<std::uint16_t*>(out) + at);
    case PixelType::float32:
      return simd.store_float(values, width, options.scale, options.shift, static_cast<float*>(out) + at);
  }
}

// Down first, since that reads the image row by row, once where it shrinks; then across.
template <class In>
void resize_from(const ImageView& image, std::size_t height, std::size_t width, PixelType out_type,
                 const ResizeOptions& options, void* out) {
  const Taps rows = make_taps(image.height, height, options.filter);
  const Taps columns = make_taps(image.width, width, options.filter);
  detail::parallel_for(height, options.threads, [&](std::size_t first_row, std::size_t end_row) {
    DenseRows<In> input(image);
    std::vector<float> sums(image.width), line(width);
    for (std::size_t y = first_row; y < end_row; ++y) {
      const std::size_t taps = rows.offset[y + 1] - rows.offset[y];
      sum_rows(input.rows(rows.begin[y], taps), rows.weight.data() + rows.offset[y], taps, image.width, sums.data());
      detail::primitives().weigh(sums.data(), columns.begin.data(), columns.offset.data(), columns.weight.data(),
                                 width, line.data());
      store_row(line.data(), width, y, out_type, options, out);
    }
  });
}

}  // namespace

void resize(const ImageView& image, std::size_t height, std::size_t width, PixelType out_type,
            const ResizeOptions& options, void* out) {
  constexpr std::size_t kMaxSidePx = std::size_t{1} << 31;
  for (const std::size_t side_px : {image.height, image.width, height, width}) {
    if (side_px == 0 || side_px > kMaxSidePx) {
      throw Error(ErrorCode::invalid_argument, "cannot resize " + std::to_string(image.height) + "x" +
                                                   std::to_string(image.width) + " pixels to " +
                                                   std::to_string(height) + "x" + std::to_string(width));
    }
  }
  switch (image.type) {
    case PixelType::uint8: return resize_from<std::uint8_t>(image, height, width, out_type, options, out);
    case PixelType::uint16: return resize_from<std::uint16_t>(image, height, width, out_type, options, out);
    case PixelType::float32: return resize_from<float>(image, height, width, out_type, options, out);
  }
}

}  // namespace egaze
