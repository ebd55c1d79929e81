#include "egaze/resize.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <numeric>
#include <vector>

#include "egaze/error.hpp"
#include "expect_throws.hpp"

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

TEST(Resize, SameShapeIsIdentity) {
  const auto values = ramp(6 * 7);
  const auto image = ImageView::dense(values.data(), PixelType::float32, 6, 7);
  for (const Filter filter : {Filter::area, Filter::bilinear, Filter::nearest}) {
    EXPECT_EQ(resized(image, 6, 7, filter), values);
  }
}

TEST(Resize, AreaIsTheMean) {
  const auto values = ramp(4 * 6);
  const auto image = ImageView::dense(values.data(), PixelType::float32, 4, 6);
  const auto halves = resized(image, 2, 3, Filter::area);
  EXPECT_EQ(halves[0], (0.0f + 1.0f + 6.0f + 7.0f) / 4.0f);
  const auto whole = resized(image, 1, 1, Filter::area);
  EXPECT_NEAR(whole[0], 23.0 / 2.0, 1e-5);
}

TEST(Resize, NearestTakesThePixelUnderTheCentre) {
  const auto values = ramp(9);
  const auto image = ImageView::dense(values.data(), PixelType::float32, 3, 3);
  EXPECT_EQ(resized(image, 1, 1, Filter::nearest), std::vector<float>{4.0f});
}

TEST(Resize, Strides) {
  const std::vector<std::uint16_t> values = {1, 2, 3, 4, 5, 6};
  // Rotated by 180 degrees.
  const ImageView turned{values.data() + 5, PixelType::uint16, 2, 3, -6, -2};
  EXPECT_EQ(resized(turned, 2, 3, Filter::area), (std::vector<float>{6, 5, 4, 3, 2, 1}));
}

TEST(Resize, IntegersSaturate) {
  const std::vector<float> values = {-3.0f, 0.5f, 1.5f, 400.0f};
  std::vector<std::uint8_t> out(4);
  resize(ImageView::dense(values.data(), PixelType::float32, 1, 4), 1, 4, PixelType::uint8, {}, out.data());
  EXPECT_EQ(out, (std::vector<std::uint8_t>{0, 0, 2, 255}));
}

TEST(Resize, LooksIntegersUpInATable) {
  const std::vector<std::uint16_t> values = {0, 1, 2, 65535, 3, 0};
  const std::vector<float> table = {0.5f, 1.5f, 2.5f};
  ResizeOptions options;
  options.table = table;
  std::vector<float> out(6);
  const auto image = ImageView::dense(values.data(), PixelType::uint16, 2, 3);
  resize(image, 2, 3, PixelType::float32, options, out.data());
  EXPECT_EQ(out, (std::vector<float>{0.5f, 1.5f, 2.5f, 2.5f, 2.5f, 0.5f}));
  const auto floats = ImageView::dense(out.data(), PixelType::float32, 2, 3);
  EXPECT_THROWS(Error, "integer pixels", resize(floats, 2, 3, PixelType::float32, options, out.data()));
}

TEST(Resize, ThreadsDoNotChangeTheResult) {
  const auto values = ramp(37 * 41);
  const auto image = ImageView::dense(values.data(), PixelType::float32, 37, 41);
  EXPECT_EQ(resized(image, 11, 13, Filter::bilinear), resized(image, 11, 13, Filter::bilinear, 3));
}

TEST(Resize, BadArgumentsThrow) {
  const auto values = ramp(4);
  const auto image = ImageView::dense(values.data(), PixelType::float32, 2, 2);
  EXPECT_THROWS(Error, "0x3", resized(image, 0, 3, Filter::area));
  EXPECT_THROWS(Error, "0x2", resized(ImageView::dense(values.data(), PixelType::float32, 0, 2), 3, 3, Filter::area));
  EXPECT_THROWS(Error, "threads", resized(image, 3, 3, Filter::area, 0));
}

}  // namespace
