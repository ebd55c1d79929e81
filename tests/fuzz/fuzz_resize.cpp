// Any image, strides and options: values within the input's range, the same for any number of threads, or an Error.
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <vector>

#include "bytes.hpp"
#include "egaze/error.hpp"
#include "egaze/resize.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Bytes bytes(data, size);
  const std::size_t height = bytes.below(40), width = bytes.below(70);
  const std::size_t out_height = bytes.below(50), out_width = bytes.below(90);
  const auto type = static_cast<egaze::PixelType>(bytes.below(3));
  const auto out_type = static_cast<egaze::PixelType>(bytes.below(3));
  egaze::ResizeOptions options;
  options.filter = static_cast<egaze::Filter>(bytes.below(3));
  const bool plain = bytes.below(2) == 0;  // values stay within a pixel's range
  if (!plain) {
    options.scale = bytes.take<float>();
    options.shift = bytes.take<float>();
  }
  std::vector<float> table;
  if (bytes.below(4) == 0) {
    table.resize(1 + bytes.below(300));
    for (std::size_t i = 0; i < table.size(); ++i) table[i] = static_cast<float>(i % 251) / 7.0f;
    options.table = table;
  }
  // Rarely several threads: waking one takes longer than everything else.
  const int threads = bytes.below(64) == 0 ? 2 : 1;
  const bool flip = bytes.below(2) == 0;
  const std::size_t step = 1 + bytes.below(3);
  const std::size_t pixel = egaze::bytes_per_pixel(type);
  std::vector<float> storage((height * width * step * pixel + 3) / 4 + 1);
  auto* raw = reinterpret_cast<std::uint8_t*>(storage.data());
  for (std::size_t i = 0; i < storage.size() * 4 && !bytes.empty(); ++i) raw[i] = bytes.take<std::uint8_t>();
  const auto column = static_cast<std::ptrdiff_t>(step * pixel), row = column * static_cast<std::ptrdiff_t>(width);
  egaze::ImageView image{raw, type, height, width, row, column};
  if (flip && height > 0) {
    image.data = raw + row * static_cast<std::ptrdiff_t>(height - 1);
    image.row_stride_bytes = -row;
  }
  std::vector<float> one(out_height * out_width + 1), two(out_height * out_width + 1);
  try {
    egaze::resize(image, out_height, out_width, out_type, options, one.data());
    options.threads = threads;
    egaze::resize(image, out_height, out_width, out_type, options, two.data());
  } catch (const egaze::Error&) {
    return 0;
  }
  const auto* a = reinterpret_cast<const std::uint8_t*>(one.data());
  const auto* b = reinterpret_cast<const std::uint8_t*>(two.data());
  const std::size_t count = out_height * out_width;
  if (!std::equal(a, a + count * egaze::bytes_per_pixel(out_type), b)) std::abort();
  if (plain && type == egaze::PixelType::uint8 && out_type == egaze::PixelType::float32) {
    for (std::size_t i = 0; i < count; ++i) {
      if (!(one[i] >= 0.0f && one[i] <= 255.001f)) std::abort();
    }
  }
  return 0;
}
