#include "warp.hpp"

#include <algorithm>
#include <cmath>
#include <memory>
#include <vector>

#include "canvas.hpp"
#include "simd/primitives.hpp"

namespace egaze::detail {
namespace {

// Bilinear interpolation reads two pixels along each axis: with larger steps it would skip pixels.
constexpr double kMaxStepPx = 1.5;

// An image at full or reduced resolution.
struct Level {
  const std::uint16_t* pixels;
  std::size_t height;
  std::size_t width;
};

// The largest singular value of the map: the largest distance, in image pixels, between points of the image that lie
// one output pixel apart in the view.
double largest_step(const Affine& map) {
  const double xx = map.xx, xy = map.xy, yx = map.yx, yy = map.yy;
  const double squares = xx * xx + xy * xy + yx * yx + yy * yy;
  const double area = xx * yy - xy * yx;
  return std::sqrt(0.5 * (squares + std::sqrt(std::max(0.0, squares * squares - 4.0 * area * area))));
}

// Halves an image by 2x2 means. Beyond an odd side the image counts as black, as it does everywhere outside.
Level halve(const Level& from, std::vector<std::uint16_t>& storage) {
  const std::size_t height = (from.height + 1) / 2, width = (from.width + 1) / 2;
  storage.resize(height * width);
  const std::vector<std::uint16_t> black(from.height % 2 == 0 ? 0 : from.width, 0);
  for (std::size_t y = 0; y < height; ++y) {
    const std::uint16_t* upper = from.pixels + 2 * y * from.width;
    const std::uint16_t* lower = 2 * y + 1 < from.height ? upper + from.width : black.data();
    primitives().halve(upper, lower, from.width, storage.data() + y * width);
  }
  return {storage.data(), height, width};
}

// Whether a view shows exactly the whole image. The map must equal, to the bit, the one that Python's Views compute for
// the identity.
bool is_unmoved(const Affine& map, const ImageStack& stack, std::size_t height, std::size_t width) {
  const double step_x = static_cast<double>(stack.width) / static_cast<double>(width);
  const double step_y = static_cast<double>(stack.height) / static_cast<double>(height);
  return map.xx == static_cast<float>(step_x) && map.xy == 0.0f && map.x0 == static_cast<float>(0.5 * step_x - 0.5) &&
         map.yx == 0.0f && map.yy == static_cast<float>(step_y) && map.y0 == static_cast<float>(0.5 * step_y - 0.5);
}

void cut_out(const Rectangle& hole, std::size_t height, std::size_t width, float* image) {
  const auto within = [](std::int32_t value, std::size_t size) {
    return static_cast<std::size_t>(std::clamp<std::int64_t>(value, 0, static_cast<std::int64_t>(size)));
  };
  const std::size_t left = within(hole.left, width), right = std::max(left, within(hole.right, width));
  for (std::size_t y = within(hole.top, height); y < within(hole.bottom, height); ++y) {
    std::fill(image + y * width + left, image + y * width + right, 0.0f);
  }
}

// Interpolates the image bilinearly, in its stored range; the outside is black.
void interpolate(const std::uint16_t* stored, const ImageStack& stack, Affine map, std::size_t height,
                 std::size_t width, float* view) {
  Level level{stored, stack.height, stack.width};
  std::vector<std::uint16_t> storage[2];
  double step_px = largest_step(map);
  for (int i = 0; step_px > kMaxStepPx && std::min(level.height, level.width) >= 4; i = 1 - i) {
    level = halve(level, storage[i]);
    map = {0.5f * map.xx, 0.5f * map.xy, 0.5f * (map.x0 - 0.5f), 0.5f * map.yx, 0.5f * map.yy, 0.5f * (map.y0 - 0.5f)};
    step_px *= 0.5;
  }
  const Primitives& simd = primitives();
  const auto stacked = std::make_unique_for_overwrite<std::uint32_t[]>((level.height - 1) * level.width);
  for (std::size_t y = 0; y + 1 < level.height; ++y) {
    const std::uint16_t* upper = level.pixels + y * level.width;
    simd.stack_rows(upper, upper + level.width, level.width, stacked.get() + y * level.width);
  }
  for (std::size_t y = 0; y < height; ++y) {
    const auto row_y = static_cast<float>(y);
    simd.warp_row(stacked.get(), level.height, level.width, map.xy * row_y + map.x0, map.yy * row_y + map.y0, map.xx,
                  map.yx, width, view + y * width);
  }
}

}  // namespace

void warp_image(const std::uint16_t* stored, const ImageStack& stack, const Sample& sample, std::size_t height,
                std::size_t width, float* view) {
  if (is_unmoved(sample.to_image, stack, height, width)) {
    resize_canvas(stored, stack.height, stack.width, height, width, view);
  } else {
    interpolate(stored, stack, sample.to_image, height, width, view);
  }
  const Primitives& simd = primitives();
  const Intensity& intensity = sample.intensity;
  for (std::size_t y = 0; y < height; ++y) {
    float* row = view + y * width;
    simd.expose(row, width, intensity.gain / kWhite, intensity.bias, intensity.gamma);
    if (intensity.noise > 0.0f) {
      simd.add_noise(row, width, static_cast<std::uint32_t>(y * width), intensity.noise_key, intensity.noise);
    }
  }
  for (const Rectangle& hole : sample.cutouts) cut_out(hole, height, width, view);
}

}  // namespace egaze::detail
