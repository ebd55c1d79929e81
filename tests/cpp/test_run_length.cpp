#include "run_length.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <stdexcept>
#include <vector>

#include "expect_throws.hpp"

using egaze::detail::decode_run_length;

namespace {

using Bytes = std::vector<std::uint8_t>;

// A frame: its header, then its segments.
Bytes frame_of(const std::vector<Bytes>& segments) {
  Bytes frame(64);
  frame[0] = static_cast<std::uint8_t>(segments.size());
  for (std::size_t i = 0; i < segments.size(); ++i) {
    frame[4 * (i + 1)] = static_cast<std::uint8_t>(frame.size());
    frame.insert(frame.end(), segments[i].begin(), segments[i].end());
  }
  return frame;
}

TEST(RunLength, RunsAndLiterals) {
  EXPECT_EQ(decode_run_length(frame_of({{2, 1, 2, 3, 254, 7, 0, 9}}), 7, 1), (Bytes{1, 2, 3, 7, 7, 7, 9}));
  EXPECT_EQ(decode_run_length(frame_of({{129, 5}}), 128, 1), Bytes(128, 5));
}

TEST(RunLength, SkipsTheControlByte128) {
  EXPECT_EQ(decode_run_length(frame_of({{128, 0, 4, 128, 128, 255, 6, 128}}), 3, 1), (Bytes{4, 6, 6}));
}

TEST(RunLength, TheFirstSegmentHoldsTheHighBytes) {
  EXPECT_EQ(decode_run_length(frame_of({{1, 0xA, 0xB}, {1, 1, 2}}), 2, 2), (Bytes{1, 0xA, 2, 0xB}));
}

TEST(RunLength, WritesNoByteTooMany) {
  EXPECT_EQ(decode_run_length(frame_of({{129, 5, 3, 1, 2, 3, 4}}), 3, 1), Bytes(3, 5));
  EXPECT_EQ(decode_run_length(frame_of({{3, 1, 2, 3, 4, 0}}), 2, 1), (Bytes{1, 2}));
}

TEST(RunLength, RefusesDamagedFrames) {
  EXPECT_THROWS(std::runtime_error, "an RLE frame of 63 bytes", decode_run_length(Bytes(63), 1, 1));
  EXPECT_THROWS(std::runtime_error, "1 RLE segments, expected 2", decode_run_length(frame_of({{0, 1}}), 1, 2));
  EXPECT_THROWS(std::runtime_error, "2 of 4 bytes in an RLE segment", decode_run_length(frame_of({{3, 1, 2}}), 4, 1));
  EXPECT_THROWS(std::runtime_error, "0 of 1 bytes in an RLE segment", decode_run_length(frame_of({{128, 128}}), 1, 1));
  Bytes beyond = frame_of({{0, 1}});
  beyond[7] = 0xFF;
  EXPECT_THROWS(std::runtime_error, "0 of 1 bytes in an RLE segment", decode_run_length(beyond, 1, 1));
}

}  // namespace
