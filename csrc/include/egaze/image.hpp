// A non-owning view of an image's pixels.
#pragma once

#include <cstddef>
#include <cstdint>

namespace egaze {

enum class PixelType { uint8, uint16, float32 };

constexpr std::size_t bytes_per_pixel(PixelType type) {
  return type == PixelType::uint8 ? 1 : type == PixelType::uint16 ? 2 : 4;
}

// A greyscale image with any memory layout; strides may be negative.
struct ImageView {
  const void* data = nullptr;
  PixelType type = PixelType::uint8;
  std::size_t height = 0;
  std::size_t width = 0;
  std::ptrdiff_t row_stride_bytes = 0;
  std::ptrdiff_t column_stride_bytes = 0;

  // A view of contiguous rows without gaps.
  static ImageView dense(const void* data, PixelType type, std::size_t height, std::size_t width) {
    const auto pixel = static_cast<std::ptrdiff_t>(bytes_per_pixel(type));
    return {data, type, height, width, pixel * static_cast<std::ptrdiff_t>(width), pixel};
  }
};

}  // namespace egaze
