#include "egaze/resize.hpp"

#include <cstdint>
#include <numeric>
#include <vector>

#include "check.hpp"
#include "egaze/error.hpp"

using namespace egaze;

namespace {

std::vector<float> resized(const ImageView& image, std::size_t height, std::size_t width, Filter filter,
                           int threads = 1, float scale = 1.0f) {
  std::vector<float> out(height * width);
  ResizeOptions options;
  options.filter = filter;
  options.scale = scale;
  options.threads = threads;
  resize(image, height, width, PixelType::float32, options, out.data());
  return out;
}

std::vector<float> ramp(std::size_t count) {
  std::vector<float> values(count);
  std::iota(values.begin(), values.end(), 0.0f);
  return values;
}

void test_same_shape_is_identity() {
  const auto values = ramp(6 * 7);
  const auto image = ImageView::dense(values.data(), PixelType::float32, 6, 7);
  for (const Filter filter : {Filter::area, Filter::bilinear, Filter::nearest}) {
    CHECK(resized(image, 6, 7, filter) == values);
  }
}

void test_area_is_the_mean() {
  const auto values = ramp(4 * 6);
  const auto image = ImageView::dense(values.data(), PixelType::float32, 4, 6);
  const auto halves = resized(image, 2, 3, Filter::area);
  CHECK(halves[0] == (0.0f + 1.0f + 6.0f + 7.0f) / 4.0f);
  const auto whole = resized(image, 1, 1, Filter::area);
  CHECK(check::close(whole[0], 23.0 / 2.0, 1e-5));
}

void test_nearest_takes_the_pixel_under_the_centre() {
  const auto values = ramp(9);
  const auto image = ImageView::dense(values.data(), PixelType::float32, 3, 3);
  CHECK(resized(image, 1, 1, Filter::nearest) == std::vector<float>{4.0f});
}

void test_strides() {
  const std::vector<std::uint16_t> values = {1, 2, 3, 4, 5, 6};
  // Turned by half a revolution.
  const ImageView turned{values.data() + 5, PixelType::uint16, 2, 3, -6, -2};
  CHECK(resized(turned, 2, 3, Filter::area) == (std::vector<float>{6, 5, 4, 3, 2, 1}));
}

void test_integers_saturate() {
  const std::vector<float> values = {-3.0f, 0.5f, 1.5f, 400.0f};
  std::vector<std::uint8_t> out(4);
  resize(ImageView::dense(values.data(), PixelType::float32, 1, 4), 1, 4, PixelType::uint8, {}, out.data());
  CHECK(out == (std::vector<std::uint8_t>{0, 0, 2, 255}));
}

void test_a_table_says_what_values_stand_for() {
  const std::vector<std::uint16_t> values = {7, 8, 9, 65535, 10, 6};
  const std::vector<float> table = {0.5f, 1.5f, 2.5f};
  ResizeOptions options;
  options.table = table;
  options.table_first = 7;
  std::vector<float> out(6);
  const auto image = ImageView::dense(values.data(), PixelType::uint16, 2, 3);
  resize(image, 2, 3, PixelType::float32, options, out.data());
  CHECK(out == (std::vector<float>{0.5f, 1.5f, 2.5f, 2.5f, 2.5f, 2.5f}));
  CHECK_THROWS(Error, "integer pixels",
               resize(ImageView::dense(out.data(), PixelType::float32, 2, 3), 2, 3, PixelType::float32, options, out.data()));
}

void test_threads_do_not_change_the_result() {
  const auto values = ramp(37 * 41);
  const auto image = ImageView::dense(values.data(), PixelType::float32, 37, 41);
  CHECK(resized(image, 11, 13, Filter::bilinear) == resized(image, 11, 13, Filter::bilinear, 3));
}

void test_bad_arguments_throw() {
  const auto values = ramp(4);
  const auto image = ImageView::dense(values.data(), PixelType::float32, 2, 2);
  CHECK_THROWS(Error, "0x3", resized(image, 0, 3, Filter::area));
  CHECK_THROWS(Error, "0x2", resized(ImageView::dense(values.data(), PixelType::float32, 0, 2), 3, 3, Filter::area));
  CHECK_THROWS(Error, "threads", resized(image, 3, 3, Filter::area, 0));
}

}  // namespace

int main() {
  test_same_shape_is_identity();
  test_area_is_the_mean();
  test_nearest_takes_the_pixel_under_the_centre();
  test_strides();
  test_integers_saturate();
  test_a_table_says_what_values_stand_for();
  test_threads_do_not_change_the_result();
  test_bad_arguments_throw();
  return check::result();
}
