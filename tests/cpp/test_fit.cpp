#include "egaze/fit.hpp"

#include <gtest/gtest.h>

#include "egaze/error.hpp"
#include "expect_throws.hpp"

using namespace egaze;

namespace {

bool is(const FitRectangle& where, std::size_t top, std::size_t left, std::size_t height, std::size_t width) {
  return where.top_px == top && where.left_px == left && where.height_px == height && where.width_px == width;
}

}  // namespace

TEST(Fit, PlacesRadiographsOnCanvases) {
  EXPECT_TRUE(is(fit_rectangle(300, 200, 64, 48, Fit::stretch), 0, 0, 64, 48));
  EXPECT_TRUE(is(fit_rectangle(200, 100, 64, 64, Fit::letterbox), 0, 16, 64, 32));
  EXPECT_TRUE(is(fit_rectangle(100, 200, 64, 64, Fit::letterbox), 16, 0, 32, 64));
  EXPECT_TRUE(is(fit_rectangle(50, 50, 64, 64, Fit::letterbox), 0, 0, 64, 64));
  // A radiograph so thin that a side would round to nothing keeps one pixel.
  EXPECT_TRUE(is(fit_rectangle(10000, 1, 64, 64, Fit::letterbox), 0, 31, 64, 1));
  EXPECT_THROWS(Error, "0x10", fit_rectangle(0, 10, 64, 64, Fit::stretch));
  EXPECT_THROWS(Error, "64x0", fit_rectangle(10, 10, 64, 0, Fit::letterbox));
}
