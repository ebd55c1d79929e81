#include "egaze/gaze_events.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "egaze/error.hpp"
#include "expect_throws.hpp"

using namespace egaze;

namespace {

constexpr double kLost = std::numeric_limits<double>::quiet_NaN();

// Gaze at 500 Hz that rests at (0, 0), jumps by 5 degrees and rests again, 100 samples each, at 40 px a degree.
struct Recording {
  std::vector<double> time_s, x_px, y_px;

  Recording() {
    for (int i = 0; i < 200; ++i) {
      time_s.push_back(10.0 + 0.002 * i);
      x_px.push_back(i < 100 ? 0.0 : 200.0);
      y_px.push_back(i % 2 == 0 ? 0.0 : 0.4);
    }
  }
  GazeSignal signal() const { return {time_s.data(), x_px.data(), y_px.data(), time_s.size(), 40.0, 40.0}; }
  void lose(std::size_t begin, std::size_t end) {
    for (std::size_t i = begin; i < end; ++i) x_px[i] = y_px[i] = kLost;
  }
};

const GapRule kGaps{0.075, 0.02};
const FixationRule kRule{0.06, 0.075, 0.0};

bool is(const FoundFixation& found, std::int64_t begin, std::int64_t end) {
  return found.range.begin == begin && found.range.end == end;
}

}  // namespace

TEST(GazeEvents, EveryMethodFindsTwoFixations) {
  const Recording gaze;
  for (const FixationSearch& found :
       {fixations_by_dispersion(gaze.signal(), kGaps, kRule, 1.0),
        fixations_by_velocity(gaze.signal(), kGaps, kRule, 0.006, 30.0, 1),
        fixations_by_adaptive_velocity(gaze.signal(), kGaps, kRule, {.window_s = 0.006}, 2)}) {
    ASSERT_EQ(found.fixations.size(), 2U);
    EXPECT_LE(std::abs(found.fixations[0].range.end - 100), 1);
    EXPECT_LE(std::abs(found.fixations[1].range.begin - 100), 1);
    EXPECT_EQ(found.fixations[1].range.end, 200);
    EXPECT_DOUBLE_EQ(found.fixations[1].x_px, 200.0);
    EXPECT_NEAR(found.fixations[1].rms_deg, 0.005, 1e-6);
    EXPECT_NEAR(found.fixations[1].dispersion_deg, 0.01, 1e-12);
    EXPECT_NEAR(found.interval_s, 0.002, 1e-12);
    EXPECT_TRUE(found.losses.empty());
  }
}

TEST(GazeEvents, DurationsReachTheNextSample) {
  const Recording gaze;
  const FixationSearch found = fixations_by_dispersion(gaze.signal(), kGaps, kRule, 1.0);
  EXPECT_TRUE(is(found.fixations[0], 0, 100));
  EXPECT_NEAR(found.fixations[0].duration_s, 0.2, 1e-9);
  EXPECT_NEAR(found.fixations[1].duration_s, 0.2, 1e-9);
}

TEST(GazeEvents, ShortLossesAreBridgedAndLongOnesSeparate) {
  Recording gaze;
  gaze.lose(30, 50);    // 42 ms
  gaze.lose(120, 160);  // 82 ms, with a margin of 20 ms: 110 to 119 and 160 to 169
  const FixationSearch found = fixations_by_dispersion(gaze.signal(), kGaps, {0.02, 0.0, 0.0}, 1.0);
  ASSERT_EQ(found.fixations.size(), 3U);
  EXPECT_TRUE(is(found.fixations[0], 0, 100));
  EXPECT_EQ(found.fixations[0].samples, 80);
  EXPECT_TRUE(is(found.fixations[1], 100, 110));
  EXPECT_TRUE(is(found.fixations[2], 170, 200));
  ASSERT_EQ(found.losses.size(), 1U);
  EXPECT_EQ(found.losses[0].lost_samples, 40);
  EXPECT_NEAR(found.losses[0].duration_s, 0.082, 1e-9);
}

TEST(GazeEvents, AJumpDuringALossSeparates) {
  Recording gaze;
  gaze.lose(90, 110);
  for (const FixationSearch& found : {fixations_by_velocity(gaze.signal(), kGaps, kRule, 0.006, 30.0, 1),
                                      fixations_by_adaptive_velocity(gaze.signal(), kGaps, kRule, {}, 1)}) {
    ASSERT_EQ(found.fixations.size(), 2U);
    EXPECT_TRUE(is(found.fixations[0], 0, 90));
    EXPECT_TRUE(is(found.fixations[1], 110, 200));
  }
}

TEST(GazeEvents, NeighboursAreMerged) {
  const Recording gaze;
  const std::vector<SampleRange> ranges{{0, 40}, {50, 100}, {110, 120}};
  const FixationSearch found = fixations_of_ranges(gaze.signal(), kGaps, {0.06, 0.075, 0.5}, ranges);
  ASSERT_EQ(found.fixations.size(), 1U);
  EXPECT_TRUE(is(found.fixations[0], 0, 100));
  EXPECT_EQ(found.fixations[0].samples, 90);
  EXPECT_NEAR(found.fixations[0].rms_deg, 0.005, 1e-6);
  EXPECT_THROWS(Error, "range 1",
                fixations_of_ranges(gaze.signal(), kGaps, kRule, std::vector<SampleRange>{{0, 4}, {3, 9}}));
  EXPECT_THROWS(Error, "range 0", fixations_of_ranges(gaze.signal(), kGaps, kRule, std::vector<SampleRange>{{0, 201}}));
}

TEST(GazeEvents, AnyNumberOfThreadsGivesTheSameBits) {
  Recording gaze;
  for (int i = 200; i < 50'000; ++i) {
    gaze.time_s.push_back(10.0 + 0.002 * i);
    gaze.x_px.push_back(300.0 * std::sin(0.002 * i) + (i / 150 % 2) * 90.0);
    gaze.y_px.push_back(i % 997 < 50 ? kLost : 0.1 * (i % 13));
  }
  const FixationSearch one = fixations_by_velocity(gaze.signal(), kGaps, kRule, 0.02, 30.0, 1);
  const FixationSearch four = fixations_by_velocity(gaze.signal(), kGaps, kRule, 0.02, 30.0, 4);
  ASSERT_EQ(one.fixations.size(), four.fixations.size());
  ASSERT_GT(one.fixations.size(), 100U);
  for (std::size_t i = 0; i < one.fixations.size(); ++i) {
    EXPECT_EQ(one.fixations[i].range.begin, four.fixations[i].range.begin);
    EXPECT_EQ(one.fixations[i].range.end, four.fixations[i].range.end);
    EXPECT_EQ(one.fixations[i].x_px, four.fixations[i].x_px);
  }
}

TEST(GazeEvents, SignalsWithoutGazeHaveNoFixations) {
  Recording gaze;
  for (const std::size_t count : {0U, 1U, 2U}) {
    GazeSignal few = gaze.signal();
    few.count = count;
    EXPECT_TRUE(fixations_by_dispersion(few, kGaps, kRule, 1.0).fixations.empty());
    EXPECT_TRUE(fixations_by_velocity(few, kGaps, kRule, 0.02, 30.0, 1).fixations.empty());
    EXPECT_TRUE(fixations_by_adaptive_velocity(few, kGaps, kRule, {}, 1).fixations.empty());
  }
  gaze.lose(0, 200);
  const FixationSearch found = fixations_by_adaptive_velocity(gaze.signal(), kGaps, kRule, {}, 1);
  EXPECT_TRUE(found.fixations.empty());
  ASSERT_EQ(found.losses.size(), 1U);
  EXPECT_EQ(found.losses[0].lost_samples, 200);
}

TEST(GazeEvents, WhatCannotBeRightNamesTheSample) {
  const auto search = [](const Recording& gaze) { return fixations_by_dispersion(gaze.signal(), kGaps, kRule, 1.0); };
  Recording back, still, nowhere, far, slow;
  back.time_s[7] = 9.0;
  EXPECT_THROWS(Error, "sample 7: its time of 9 s is before", search(back));
  still.time_s[6] = still.time_s[7] = still.time_s[5];
  EXPECT_THROWS(Error, "sample 7: its time of 10.01 s is that of the two samples before it", search(still));
  nowhere.time_s[0] = kLost;
  EXPECT_THROWS(Error, "sample 0: its time is nan s", search(nowhere));
  far.x_px[3] = 1e8;
  EXPECT_THROWS(Error, "sample 3: its position (100000000, 0.4) px", search(far));
  for (std::size_t i = 0; i < 200; ++i) slow.time_s[i] = 0.1 * static_cast<double>(i);
  EXPECT_THROWS(Error, "100 ms apart, more than the longest gap of 75 ms", search(slow));
  EXPECT_THROWS(Error, "above 0 degrees, got 0", fixations_by_dispersion(Recording().signal(), kGaps, kRule, 0.0));
  EXPECT_THROWS(Error, "peak_sd must be at least onset_sd",
                fixations_by_adaptive_velocity(Recording().signal(), kGaps, kRule, {.peak_sd = 2.0}, 1));
}
