#include "egaze/heatmap.hpp"

#include <gtest/gtest.h>

#include <limits>
#include <numeric>
#include <vector>

#include "egaze/error.hpp"
#include "expect_throws.hpp"

using namespace egaze;

namespace {

std::vector<float> rasterized(const std::vector<Fixation>& fixations, std::size_t height, std::size_t width,
                              const HeatmapOptions& options = {}) {
  std::vector<float> heatmap(height * width, -1.0f);
  rasterize_fixations(fixations, height, width, options, heatmap.data());
  return heatmap;
}

double sum(const std::vector<float>& values) { return std::accumulate(values.begin(), values.end(), 0.0); }

TEST(Heatmap, MassIsTotalWeight) {
  const auto heatmap = rasterized({{20.25f, 15.5f, 0.7f, 2.0f, 3.0f}, {30.0f, 20.0f, 0.3f, 2.5f, 2.5f}}, 40, 50);
  EXPECT_NEAR(sum(heatmap), 1.0, 1e-3);
}

TEST(Heatmap, CentredFixationIsSymmetric) {
  const auto heatmap = rasterized({{10.0f, 8.0f, 1.0f, 2.0f, 2.0f}}, 17, 21);
  for (std::size_t y = 0; y < 17; ++y) {
    for (std::size_t x = 0; x < 21; ++x) {
      EXPECT_EQ(heatmap[y * 21 + x], heatmap[(16 - y) * 21 + (20 - x)]);
    }
  }
}

TEST(Heatmap, ReflectKeepsTheMassThatClipLoses) {
  const std::vector<Fixation> corner = {{0.0f, 0.0f, 1.0f, 3.0f, 3.0f}};
  HeatmapOptions reflect;
  reflect.boundary = Boundary::reflect;
  EXPECT_NEAR(sum(rasterized(corner, 30, 30, reflect)), 1.0, 1e-3);
  EXPECT_LT(sum(rasterized(corner, 30, 30)), 0.5);
}

TEST(Heatmap, IsZeroOutsideThePartShown) {
  const Fixation whole{6.0f, 5.0f, 1.0f, 3.0f, 3.0f};
  Fixation part = whole;
  part.shown = {3.5f, 2.0f, 9.0f, 30.0f};
  const auto all = rasterized({whole}, 12, 13), some = rasterized({part}, 12, 13);
  for (std::size_t y = 0; y < 12; ++y) {
    for (std::size_t x = 0; x < 13; ++x) {
      EXPECT_EQ(some[y * 13 + x], x >= 4 && x < 9 && y >= 2 ? all[y * 13 + x] : 0.0f);
    }
  }
  part.shown.x_max_px = 3.0f;
  EXPECT_THROWS(Error, "part shown", rasterized({part}, 12, 13));
}

TEST(Heatmap, Normalisations) {
  const std::vector<Fixation> fixations = {{5.0f, 5.0f, 4.0f, 1.0f, 1.0f}};
  HeatmapOptions options;
  options.normalize = Normalize::max;
  EXPECT_NEAR(rasterized(fixations, 11, 11, options)[5 * 11 + 5], 1.0, 1e-6);
  options.normalize = Normalize::sum;
  EXPECT_NEAR(sum(rasterized(fixations, 11, 11, options)), 1.0, 1e-5);
  EXPECT_EQ(sum(rasterized({}, 11, 11, options)), 0.0);
}

TEST(Heatmap, ThreadsDoNotChangeTheResult) {
  const std::vector<Fixation> fixations = {{12.0f, 40.0f, 1.0f, 5.0f, 7.0f}, {50.0f, 3.0f, 2.0f, 4.0f, 4.0f}};
  HeatmapOptions four;
  four.threads = 4;
  EXPECT_EQ(rasterized(fixations, 61, 67), rasterized(fixations, 61, 67, four));
}

TEST(Heatmap, BadArgumentsThrow) {
  constexpr float nan = std::numeric_limits<float>::quiet_NaN();
  EXPECT_THROWS(Error, "position", rasterized({{nan, 0.0f, 1.0f, 1.0f, 1.0f}}, 5, 5));
  EXPECT_THROWS(Error, "weight", rasterized({{0.0f, 0.0f, -1.0f, 1.0f, 1.0f}}, 5, 5));
  EXPECT_THROWS(Error, "sigma", rasterized({{0.0f, 0.0f, 1.0f, 0.0f, 1.0f}}, 5, 5));
  HeatmapOptions options;
  options.threads = 0;
  EXPECT_THROWS(Error, "threads", rasterized({}, 5, 5, options));
  options = {};
  options.truncate = -1.0;
  EXPECT_THROWS(Error, "truncate", rasterized({}, 5, 5, options));
}

}  // namespace
