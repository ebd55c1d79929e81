#include "placing.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "egaze/error.hpp"
#include "egaze/fit.hpp"
#include "egaze/resize.hpp"

namespace egaze::detail {
namespace {

// What the largest grey value is stored as.
constexpr float kWhite = 65535.0f;

// Starting threads pays from about a megapixel on.
constexpr std::size_t kPixelsForThreads = 1 << 20;

float scale_of(PixelType type) {
  return type == PixelType::uint8 ? 1.0f / 255.0f : type == PixelType::uint16 ? 1.0f / kWhite : 1.0f;
}

// As Python's egaze.imaging.canvas.place_on_square.
std::vector<std::uint16_t> place_on_canvas(const Film& film, const ModelSpec& spec, int threads) {
  const FitRectangle where = fit_rectangle(film.pixels.height, film.pixels.width, spec.canvas_height_px,
                                           spec.canvas_width_px, spec.fit);
  std::vector<float> means(where.height_px * where.width_px);
  ResizeOptions options;
  options.table = film.table;
  options.scale = film.table.empty() ? scale_of(film.pixels.type) : 1.0f;
  options.threads = film.pixels.height * film.pixels.width >= kPixelsForThreads ? threads : 1;
  resize(film.pixels, where.height_px, where.width_px, PixelType::float32, options, means.data());
  // Every pixel of the film has a part in some mean, so that whatever is not finite shows.
  if (!std::ranges::all_of(means, [](float mean) { return mean >= 0.0f && mean <= 1.0f + 1e-6f; })) {
    throw Error(ErrorCode::invalid_argument, "a film's float pixels must be finite and lie in [0, 1]");
  }
  ResizeOptions rounding;
  rounding.filter = Filter::nearest;
  rounding.scale = kWhite;
  std::vector<std::uint16_t> rounded(means.size());
  resize(ImageView::dense(means.data(), PixelType::float32, where.height_px, where.width_px), where.height_px,
         where.width_px, PixelType::uint16, rounding, rounded.data());
  std::vector<std::uint16_t> canvas(spec.canvas_height_px * spec.canvas_width_px);
  for (std::size_t y = 0; y < where.height_px; ++y) {
    std::copy_n(rounded.data() + y * where.width_px, where.width_px,
                canvas.data() + (where.top_px + y) * spec.canvas_width_px + where.left_px);
  }
  return canvas;
}

}  // namespace

void place_film(const Film& film, const ModelSpec& spec, int threads, float* input) {
  if (film.pixels.data == nullptr) throw Error(ErrorCode::invalid_argument, "the film's pixels are a null pointer");
  const std::vector<std::uint16_t> canvas = place_on_canvas(film, spec, threads);
  const bool grows = spec.input_height_px > spec.canvas_height_px || spec.input_width_px > spec.canvas_width_px;
  ResizeOptions options;
  options.filter = grows ? Filter::bilinear : Filter::area;
  options.scale = 1.0f / kWhite;
  resize(ImageView::dense(canvas.data(), PixelType::uint16, spec.canvas_height_px, spec.canvas_width_px),
         spec.input_height_px, spec.input_width_px, PixelType::float32, options, input);
}

}  // namespace egaze::detail
