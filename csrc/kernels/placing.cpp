#include "egaze/placing.hpp"

#include <algorithm>
#include <vector>

#include "canvas.hpp"
#include "egaze/error.hpp"
#include "egaze/resize.hpp"
#include "simd/primitives.hpp"

namespace egaze {
namespace {

// Using several threads pays off from about one megapixel.
constexpr std::size_t kPixelsForThreads = 1 << 20;

// How far rounding may raise a mean of ones above 1: up to 65,536 rounded weights are added.
constexpr float kRounding = 1e-4f;

float scale_of(PixelType type) {
  return type == PixelType::uint8 ? 1.0f / 255.0f : type == PixelType::uint16 ? 1.0f / detail::kWhite : 1.0f;
}

}  // namespace

void place_on_canvas(const ImageView& radiograph, std::span<const float> table, const FitRectangle& where,
                     std::size_t height, std::size_t width, int threads, std::uint16_t* canvas) {
  if (where.top_px > height || where.height_px > height - where.top_px || where.left_px > width ||
      where.width_px > width - where.left_px) {
    throw Error(ErrorCode::invalid_argument, "the radiograph reaches beyond its canvas");
  }
  std::vector<float> means(where.height_px * where.width_px);
  ResizeOptions options;
  options.table = table;
  options.scale = table.empty() ? scale_of(radiograph.type) : 1.0f;
  options.threads = radiograph.height * radiograph.width >= kPixelsForThreads ? threads : 1;
  resize(radiograph, where.height_px, where.width_px, PixelType::float32, options, means.data());
  // Every pixel of the radiograph contributes to some mean, so any value that is not finite is detected here.
  if (!std::ranges::all_of(means, [](float mean) { return mean >= 0.0f && mean <= 1.0f + kRounding; })) {
    throw Error(ErrorCode::invalid_argument, "a radiograph's values must be finite and lie in [0, 1]");
  }
  std::fill_n(canvas, height * width, std::uint16_t{0});
  for (std::size_t y = 0; y < where.height_px; ++y) {
    detail::primitives().store_uint16(means.data() + y * where.width_px, where.width_px, detail::kWhite, 0.0f,
                                      canvas + (where.top_px + y) * width + where.left_px);
  }
}

void detail::resize_canvas(const std::uint16_t* canvas, std::size_t canvas_height, std::size_t canvas_width,
                           std::size_t height, std::size_t width, float* values) {
  ResizeOptions options;
  options.filter = height > canvas_height || width > canvas_width ? Filter::bilinear : Filter::area;
  resize(ImageView::dense(canvas, PixelType::uint16, canvas_height, canvas_width), height, width, PixelType::float32,
         options, values);
}

void to_input(const std::uint16_t* canvas, std::size_t canvas_height, std::size_t canvas_width, std::size_t height,
              std::size_t width, float* input) {
  detail::resize_canvas(canvas, canvas_height, canvas_width, height, width, input);
  detail::primitives().expose(input, height * width, 1.0f / detail::kWhite, 0.0f, 1.0f);
}

}  // namespace egaze
