#include "egaze/resize.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "egaze/error.hpp"
#include "parallel.hpp"
#include "simd/primitives.hpp"
#include "taps.hpp"

namespace egaze {
namespace {

using detail::kMaxRows;
using detail::Primitives;
using detail::RowSum;
using detail::Taps;

// The primitives for pixels of one type.
template <class In>
struct For;
template <>
struct For<std::uint8_t> {
  static constexpr auto add = &Primitives::add_uint8;
  static constexpr auto add_twice = &Primitives::add_uint8_twice;
  static constexpr auto look_up = &Primitives::look_up_uint8;
};
template <>
struct For<std::uint16_t> {
  static constexpr auto add = &Primitives::add_uint16;
  static constexpr auto add_twice = &Primitives::add_uint16_twice;
  static constexpr auto look_up = &Primitives::look_up_uint16;
};
template <>
struct For<float> {
  static constexpr auto add = &Primitives::add_float;
  static constexpr auto add_twice = &Primitives::add_float_twice;
};

// Adds up an image's rows, after looking them up in the table if there is one.
template <class In>
class RowSource {
 public:
  RowSource(const ImageView& image, const ResizeOptions& options, const Primitives& simd)
      : image_(image), options_(options), simd_(simd) {
    if (!is_dense()) dense_.resize(kMaxRows * image.width);
    if (!options.table.empty()) looked_up_.resize(kMaxRows * image.width);
  }

  // Adds rows [first, end) to one sum.
  void add(std::size_t first, std::size_t end, RowSum one) {
    in_groups(first, end, [&](const auto* const* rows, std::size_t count) {
      (simd_.*For<Pixel<decltype(rows)>>::add)(rows, count, image_.width, one);
      one = {one.weights + count, false, one.sums};
    });
  }

  // Adds rows [first, end) to two sums, the first of which has been started.
  void add_twice(std::size_t first, std::size_t end, RowSum one, RowSum two) {
    in_groups(first, end, [&](const auto* const* rows, std::size_t count) {
      (simd_.*For<Pixel<decltype(rows)>>::add_twice)(rows, count, image_.width, one, two);
      one = {one.weights + count, false, one.sums};
      two = {two.weights + count, false, two.sums};
    });
  }

 private:
  template <class Rows>
  using Pixel = std::remove_cvref_t<decltype(**std::declval<Rows>())>;

  bool is_dense() const { return image_.column_stride_bytes == static_cast<std::ptrdiff_t>(sizeof(In)); }

  template <class Use>
  void in_groups(std::size_t first, std::size_t end, const Use& use) {
    for (std::size_t y = first; y < end; y += kMaxRows) {
      const std::size_t count = std::min(kMaxRows, end - y);
      const In* rows[kMaxRows] = {};
      for (std::size_t k = 0; k < count; ++k) rows[k] = dense_row(y + k, k);
      if constexpr (!std::is_same_v<In, float>) {
        if (!options_.table.empty()) {
          const float* values[kMaxRows] = {};
          for (std::size_t k = 0; k < count; ++k) values[k] = looked_up(rows[k], k);
          use(values, count);
          continue;
        }
      }
      use(rows, count);
    }
  }

  // Row y with contiguous pixels. If they are not contiguous in the image they are copied to buffer row `place`.
  const In* dense_row(std::size_t y, std::size_t place) {
    const char* row = static_cast<const char*>(image_.data) + static_cast<std::ptrdiff_t>(y) * image_.row_stride_bytes;
    if (is_dense()) return reinterpret_cast<const In*>(row);
    In* copy = dense_.data() + place * image_.width;
    for (std::size_t x = 0; x < image_.width; ++x) {
      copy[x] = *reinterpret_cast<const In*>(row + static_cast<std::ptrdiff_t>(x) * image_.column_stride_bytes);
    }
    return copy;
  }

  const float* looked_up(const In* row, std::size_t place) {
    float* values = looked_up_.data() + place * image_.width;
    const auto last = static_cast<std::uint16_t>(options_.table.size() - 1);
    (simd_.*For<In>::look_up)(row, image_.width, options_.table.data(), last, values);
    return values;
  }

  const ImageView& image_;
  const ResizeOptions& options_;
  const Primitives& simd_;
  std::vector<In> dense_;
  std::vector<float> looked_up_;
};

void store_row(const float* values, std::size_t width, std::size_t y, PixelType type, const ResizeOptions& options,
               const Primitives& simd, void* out) {
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

// The vertical pass comes first because it reads the image row by row, and each row only once if the image shrinks.
template <class In>
void resize_from(const ImageView& image, std::size_t height, std::size_t width, PixelType out_type,
                 const ResizeOptions& options, void* out) {
  const Primitives& simd = detail::primitives();
  const Taps columns(image.width, width, options.filter, 0, width);
  // If the image shrinks, an input row contributes to at most two output rows, which are adjacent.
  const bool shrinks = image.height >= height;
  detail::parallel_for(height, options.threads, [&](std::size_t first_row, std::size_t end_row) {
    const std::size_t before = first_row - (shrinks && first_row > 0), after = end_row + (shrinks && end_row < height);
    const Taps rows(image.height, height, options.filter, before, after);
    // Output row y alone reads the inputs [begin(y), shared(y)); it shares those before with row y - 1, which has added
    // them already, and those from shared(y) on with row y + 1.
    const auto begin = [&](std::size_t y) {
      return y > before ? std::max(rows.begin(y), rows.end(y - 1)) : rows.begin(y);
    };
    const auto shared = [&](std::size_t y) {
      return y + 1 < after ? std::min(rows.end(y), rows.begin(y + 1)) : rows.end(y);
    };
    RowSource<In> source(image, options, simd);
    std::vector<float> sums(image.width + detail::kTapBlock), next(sums), line(width);
    // Adds the inputs that rows y and y + 1 share to both sums; returns whether this has started the sum of y + 1.
    const auto share = [&](std::size_t y, float* own, float* following) {
      if (shared(y) == rows.end(y)) return false;
      source.add_twice(shared(y), rows.end(y), {rows.weights(y, shared(y)), false, own},
                       {rows.weights(y + 1, shared(y)), true, following});
      return true;
    };
    bool is_begun = before < first_row && share(before, next.data(), sums.data());
    for (std::size_t y = first_row; y < end_row; ++y) {
      const std::size_t from = shrinks ? begin(y) : rows.begin(y), to = shrinks ? shared(y) : rows.end(y);
      if (from < to) source.add(from, to, {rows.weights(y, from), !is_begun, sums.data()});
      if (from >= to && !is_begun) std::fill(sums.begin(), sums.end(), 0.0f);
      is_begun = shrinks && share(y, sums.data(), next.data());
      simd.weigh(sums.data(), columns.begins(), columns.offsets(), columns.weights(), width, line.data());
      store_row(line.data(), width, y, out_type, options, simd, out);
      std::swap(sums, next);
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
  if (!options.table.empty() && (image.type == PixelType::float32 || options.table.size() > 65536)) {
    throw Error(ErrorCode::invalid_argument, "a table of 1 to 65536 entries goes with integer pixels, got " +
                                                 std::to_string(options.table.size()) + " entries" +
                                                 (image.type == PixelType::float32 ? " and float pixels" : ""));
  }
  switch (image.type) {
    case PixelType::uint8: return resize_from<std::uint8_t>(image, height, width, out_type, options, out);
    case PixelType::uint16: return resize_from<std::uint16_t>(image, height, width, out_type, options, out);
    case PixelType::float32: return resize_from<float>(image, height, width, out_type, options, out);
  }
}

}  // namespace egaze
