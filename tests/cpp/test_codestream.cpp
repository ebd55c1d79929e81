#include "codestream.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <stdexcept>
#include <vector>

#include "expect_throws.hpp"

using egaze::detail::jpeg_frame;

namespace {

using Bytes = std::vector<std::uint8_t>;

Bytes joined(const std::vector<Bytes>& parts) {
  Bytes all;
  for (const Bytes& part : parts) all.insert(all.end(), part.begin(), part.end());
  return all;
}

const Bytes kStart = {0xFF, 0xD8}, kEnd = {0xFF, 0xD9};
const Bytes kFrame = {0xFF, 0xC0, 0, 11, 8, 0, 34, 1, 4, 1, 1, 0x11, 0};
const Bytes kScan = {0xFF, 0xDA, 0, 8, 1, 1, 0, 0, 63, 0};
const Bytes kCoded = {1, 2, 0xFF, 0x00, 3, 0xFF, 0xD0, 4};  // a stuffed byte and a restart

TEST(Codestream, TheFrameHeaderIsFound) {
  const Bytes comment = {0xFF, 0xFE, 0, 4, 0xFF, 0xC0}, fill = {0xFF};
  const auto frame = jpeg_frame(joined({kStart, comment, fill, kFrame, kScan, kCoded, kScan, kCoded, kEnd, {7, 7}}));
  EXPECT_EQ(frame.height, 34u);
  EXPECT_EQ(frame.width, 260u);
  EXPECT_EQ(frame.components, 1u);
  EXPECT_EQ(frame.bits, 8u);
}

TEST(Codestream, RefusesDamagedCodestreams) {
  EXPECT_THROWS(std::runtime_error, "first marker", jpeg_frame(Bytes{}));
  EXPECT_THROWS(std::runtime_error, "truncated JPEG: no end", jpeg_frame(joined({kStart, kFrame, kScan, kCoded})));
  EXPECT_THROWS(std::runtime_error, "damaged JPEG markers", jpeg_frame(joined({kStart, {7}, kFrame, kScan, kEnd})));
  EXPECT_THROWS(std::runtime_error, "truncated JPEG markers", jpeg_frame(joined({kStart, {0xFF, 0xC4, 9, 9}, kEnd})));
  EXPECT_THROWS(std::runtime_error, "JPEG of 0 frame headers", jpeg_frame(joined({kStart, kScan, kCoded, kEnd})));
  EXPECT_THROWS(std::runtime_error, "JPEG of 2 frame headers",
                jpeg_frame(joined({kStart, kFrame, kFrame, kScan, kCoded, kEnd})));
  std::vector<Bytes> scans = {kStart, kFrame};
  for (int i = 0; i < 101; ++i) scans.push_back(kScan);
  scans.push_back(kEnd);
  EXPECT_THROWS(std::runtime_error, "more than 100 scans", jpeg_frame(joined(scans)));
  // No prefix passes for a complete codestream, and none is read past its end.
  const Bytes whole = joined({kStart, kFrame, kScan, kCoded, kEnd});
  for (std::size_t length = 0; length < whole.size(); ++length) {
    EXPECT_THROW(jpeg_frame({whole.data(), length}), std::runtime_error);
  }
}

}  // namespace
