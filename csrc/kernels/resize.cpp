#include "egaze/resize.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <type_traits>
#include <vector>

#include "egaze/error.hpp"
#include "parallel.hpp"

namespace egaze {
namespace {

// For each output index, the input indices it reads and their weights, which sum to 1.
struct Taps {
  std::vector<std::size_t> begin;   // first input index of each output index
  std::vector<std::size_t> offset;  // where its weights start; one more entry than outputs
  std::vector<float> weight;
};

Taps make_taps(std::size_t in, std::size_t out, Filter filter) {
  const double scale = static_cast<double>(in) / static_cast<double>(out);
  Taps taps;
  taps.offset.push_back(0);
  std::vector<double> weights;
  for (std::size_t i = 0; i < out; ++i) {
    std::size_t first = 0;
    weights.clear();
    if (filter == Filter::nearest) {
      first = std::min(in - 1, static_cast<std::size_t>((static_cast<double>(i) + 0.5) * scale));
      weights.push_back(1.0);
    } else if (filter == Filter::area) {
      const double low = static_cast<double>(i) * scale;
      const double high = std::min(static_cast<double>(i + 1) * scale, static_cast<double>(in));
      first = std::min(in - 1, static_cast<std::size_t>(low));
      for (std::size_t j = first; j < in && static_cast<double>(j) < high; ++j) {
        const double covered =
            std::min(high, static_cast<double>(j + 1)) - std::max(low, static_cast<double>(j));
        if (covered <= 0.0) break;
        weights.push_back(covered);
      }
      if (weights.empty()) weights.push_back(1.0);
    } else {
      const double support = std::max(scale, 1.0);
      const double centre = (static_cast<double>(i) + 0.5) * scale;
      first = static_cast<std::size_t>(std::max(0.0, std::floor(centre - support + 0.5)));
      const std::size_t end = std::min(in, static_cast<std::size_t>(centre + support + 0.5));
      for (std::size_t j = first; j < end; ++j) {
        const double distance = std::abs(static_cast<double>(j) + 0.5 - centre) / support;
        weights.push_back(std::max(0.0, 1.0 - distance));
      }
    }
    double sum = 0.0;
    for (const double w : weights) sum += w;
    for (const double w : weights) taps.weight.push_back(static_cast<float>(w / sum));
    taps.begin.push_back(first);
    taps.offset.push_back(taps.weight.size());
  }
  return taps;
}

template <class Out>
Out store(float value) {
  if constexpr (std::is_same_v<Out, float>) {
    return value;
  } else {
    const float top = static_cast<float>(std::numeric_limits<Out>::max());
    // NaN compares false both times and becomes 0.
    return static_cast<Out>(value > 0.0f ? (value < top ? std::nearbyint(value) : top) : 0.0f);
  }
}

template <class In>
void add_row(const ImageView& image, std::size_t y, float weight, float* sums) {
  const char* row = static_cast<const char*>(image.data) + static_cast<std::ptrdiff_t>(y) * image.row_stride_bytes;
  if (image.column_stride_bytes == static_cast<std::ptrdiff_t>(sizeof(In))) {
    const In* pixels = reinterpret_cast<const In*>(row);
    for (std::size_t x = 0; x < image.width; ++x) sums[x] += weight * static_cast<float>(pixels[x]);
  } else {
    for (std::size_t x = 0; x < image.width; ++x) {
      const In value = *reinterpret_cast<const In*>(row + static_cast<std::ptrdiff_t>(x) * image.column_stride_bytes);
      sums[x] += weight * static_cast<float>(value);
    }
  }
}

template <class In, class Out>
void resize_rows(const ImageView& image, const Taps& rows, const Taps& columns, std::size_t first_row,
                 std::size_t end_row, const ResizeOptions& options, Out* out) {
  const std::size_t width = columns.begin.size();
  std::vector<float> sums(image.width);
  for (std::size_t y = first_row; y < end_row; ++y) {
    std::fill(sums.begin(), sums.end(), 0.0f);
    for (std::size_t k = rows.offset[y]; k < rows.offset[y + 1]; ++k) {
      add_row<In>(image, rows.begin[y] + k - rows.offset[y], rows.weight[k], sums.data());
    }
    for (std::size_t x = 0; x < width; ++x) {
      const float* source = sums.data() + columns.begin[x];
      float value = 0.0f;
      for (std::size_t k = columns.offset[x]; k < columns.offset[x + 1]; ++k) {
        value += columns.weight[k] * source[k - columns.offset[x]];
      }
      out[y * width + x] = store<Out>(value * options.scale + options.shift);
    }
  }
}

template <class In>
void resize_from(const ImageView& image, std::size_t height, std::size_t width, PixelType out_type,
                 const ResizeOptions& options, void* out) {
  const Taps rows = make_taps(image.height, height, options.filter);
  const Taps columns = make_taps(image.width, width, options.filter);
  detail::parallel_for(height, options.threads, [&](std::size_t first_row, std::size_t end_row) {
    switch (out_type) {
      case PixelType::uint8:
        return resize_rows<In>(image, rows, columns, first_row, end_row, options, static_cast<std::uint8_t*>(out));
      case PixelType::uint16:
        return resize_rows<In>(image, rows, columns, first_row, end_row, options, static_cast<std::uint16_t*>(out));
      case PixelType::float32:
        return resize_rows<In>(image, rows, columns, first_row, end_row, options, static_cast<float*>(out));
    }
  });
}

}  // namespace

void resize(const ImageView& image, std::size_t height, std::size_t width, PixelType out_type,
            const ResizeOptions& options, void* out) {
  for (const std::size_t side_px : {image.height, image.width, height, width}) {
    if (side_px == 0) {
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
