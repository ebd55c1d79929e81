#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "egaze/error.hpp"
#include "egaze/heatmap.hpp"
#include "egaze/resize.hpp"
#include "egaze/simd.hpp"
#include "expect_throws.hpp"

using namespace egaze;

namespace {

const std::vector<Fixation> kGaze = {{30.0f, 20.0f, 1.0f, 9.0f, 7.0f}, {80.0f, 60.0f, 0.5f, 5.0f, 5.0f}};

std::vector<float> work(int threads) {
  std::vector<float> heatmap(101 * 133), small(31 * 40);
  HeatmapOptions options;
  options.threads = threads;
  rasterize_fixations(kGaze, 101, 133, options, heatmap.data());
  ResizeOptions resizing;
  resizing.threads = threads;
  resize(ImageView::dense(heatmap.data(), PixelType::float32, 101, 133), 31, 40, PixelType::float32, resizing,
         small.data());
  return small;
}

TEST(Threads, CallersOnManyThreadsShareThePool) {
  const std::vector<float> expected = work(1);
  std::vector<int> right(6, 0);
  {
    std::vector<std::jthread> callers;
    callers.reserve(right.size());
    for (std::size_t i = 0; i < right.size(); ++i) {
      callers.emplace_back([&, i] {
        for (int round = 0; round < 50; ++round) right[i] += work(1 + static_cast<int>(i)) == expected;
      });
    }
  }
  for (const int count : right) EXPECT_EQ(count, 50);
}

TEST(Threads, EveryLevelGivesTheSameUpToRounding) {
  const std::string before = simd_level();
  const std::vector<float> expected = work(1);
  for (const std::string& level : simd_levels()) {
    set_simd_level(level);
    EXPECT_EQ(simd_level(), level);
    const std::vector<float> found = work(2);
    for (std::size_t i = 0; i < found.size(); ++i) EXPECT_NEAR(found[i], expected[i], 1e-6);
  }
  set_simd_level(before);
  EXPECT_THROWS(Error, "abacus", set_simd_level("abacus"));
}

TEST(Threads, BatchesAndFramesAreHeatmaps) {
  HeatmapOptions options;
  std::vector<float> first(40 * 50), both(40 * 50), batch(2 * 40 * 50), frames(2 * 40 * 50);
  rasterize_fixations(std::span(kGaze).first(1), 40, 50, options, first.data());
  rasterize_fixations(kGaze, 40, 50, options, both.data());
  const std::vector<std::int64_t> offsets = {0, 1, 1};
  rasterize_batch(std::span(kGaze).first(1), offsets, 40, 50, options, batch.data());
  for (std::size_t i = 0; i < first.size(); ++i) EXPECT_TRUE(batch[i] == first[i] && batch[2000 + i] == 0.0f);
  rasterize_frames(kGaze, std::vector<float>{1.0f, 0.0f, 1.0f, 1.0f}, 2, 40, 50, options, frames.data());
  for (std::size_t i = 0; i < first.size(); ++i) {
    EXPECT_NEAR(frames[i], first[i], 1e-9);
    EXPECT_NEAR(frames[2000 + i], both[i], 1e-9);
  }
  const std::vector<std::int64_t> wrong = {0, 5};
  EXPECT_THROWS(Error, "offsets must rise", rasterize_batch(kGaze, wrong, 40, 50, options, batch.data()));
}

}  // namespace
