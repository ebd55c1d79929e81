#include "codestream.hpp"

#include <optional>
#include <stdexcept>
#include <string>

namespace egaze::detail {
namespace {

constexpr unsigned kStartOfImage = 0xD8, kEndOfImage = 0xD9, kStartOfScan = 0xDA;
constexpr unsigned kHuffmanTables = 0xC4, kExtension = 0xC8, kArithmeticTables = 0xCC;
constexpr unsigned kJpegLsFrame = 0xF7, kJpegLsParameters = 0xF8;

// A scan takes a pass over the whole image, even if it has only a few bytes. Encoders write about ten scans.
constexpr int kMaxScans = 100, kMaxSegments = 100'000;

[[noreturn]] void refuse(const std::string& why) { throw std::runtime_error(why); }

bool is_frame_header(unsigned marker) {
  return (marker >= 0xC0 && marker <= 0xCF && marker != kHuffmanTables && marker != kExtension &&
          marker != kArithmeticTables) ||
         marker == kJpegLsFrame;
}

// Whether a length follows the marker: it does for tables, frame and scan headers, application data and comments.
bool has_length(unsigned marker) {
  return (marker >= 0xC0 && marker <= 0xCF) || (marker >= kStartOfScan && marker <= 0xEF) || marker == 0xFE ||
         marker == kJpegLsFrame || marker == kJpegLsParameters;
}

// Whether a marker ends coded data: it is neither a stuffed byte (T.81 B.1.1.5, T.87 A.1) nor a restart marker.
bool ends_coded_data(unsigned marker) { return marker >= 0x80 && marker < 0xFF && !(marker >= 0xD0 && marker <= 0xD7); }

std::size_t word(std::span<const std::uint8_t> data, std::size_t at) {
  return at + 2 > data.size() ? 0 : std::size_t{data[at]} << 8 | data[at + 1];
}

// The end of the image whose first scan header ends at `at`. Padding or a second picture may follow it.
std::size_t image_end(std::span<const std::uint8_t> data, std::size_t at) {
  while (at + 1 < data.size()) {
    const unsigned marker = data[at + 1];
    if (data[at] != 0xFF || !ends_coded_data(marker)) {
      ++at;
      continue;
    }
    at += 2;
    if (marker == kEndOfImage) return at;
    if (has_length(marker)) at += word(data, at);  // tables and headers of further scans
  }
  refuse("truncated JPEG: no end of the image in " + std::to_string(data.size()) + " bytes");
}

}  // namespace

JpegFrame jpeg_frame(std::span<const std::uint8_t> data) {
  if (data.size() < 2 || data[0] != 0xFF || data[1] != kStartOfImage) refuse("JPEG without its first marker");
  std::optional<JpegFrame> frame;
  int headers = 0;
  std::size_t at = 2;
  unsigned marker = 0;
  for (int segments = 0; marker != kStartOfScan; ++segments) {
    if (segments == kMaxSegments) refuse("JPEG of more than " + std::to_string(kMaxSegments) + " marker segments");
    if (at + 4 > data.size() || data[at] != 0xFF) refuse("damaged JPEG markers");
    marker = data[at + 1];
    if (marker == 0xFF) {  // fill bytes
      ++at;
      continue;
    }
    if (!has_length(marker)) refuse("damaged JPEG markers");
    const std::size_t end = at + 2 + word(data, at + 2);
    if (end < at + 4 || end > data.size()) refuse("truncated JPEG markers");
    if (is_frame_header(marker)) {
      ++headers;
      if (end - at >= 10) frame = JpegFrame{word(data, at + 5), word(data, at + 7), data[at + 9], data[at + 4]};
    }
    at = end;
  }
  if (headers != 1 || !frame) {
    refuse("JPEG of " + std::to_string(headers) + " frame headers, expected one that is whole");
  }
  const std::size_t end = image_end(data, at);
  int scans = 0;
  for (std::size_t i = 0; i + 1 < end; ++i) scans += data[i] == 0xFF && data[i + 1] == kStartOfScan;
  if (scans > kMaxScans) refuse("JPEG of more than " + std::to_string(kMaxScans) + " scans");
  return *frame;
}

}  // namespace egaze::detail
