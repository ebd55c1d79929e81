#include "run_length.hpp"

#include <algorithm>
#include <stdexcept>
#include <string>

namespace egaze::detail {
namespace {

constexpr std::size_t kHeaderBytes = 64;

std::size_t header_word(std::span<const std::uint8_t> frame, std::size_t which) {
  const std::uint8_t* at = frame.data() + 4 * which;
  return std::size_t{at[0]} | std::size_t{at[1]} << 8 | std::size_t{at[2]} << 16 | std::size_t{at[3]} << 24;
}

// Decodes `count` bytes and writes them `step` bytes apart.
void unpack_bits(std::span<const std::uint8_t> segment, std::uint8_t* out, std::size_t count, std::size_t step) {
  std::size_t done = 0, at = 0;
  while (done < count && at + 1 < segment.size()) {
    const unsigned control = segment[at++];
    if (control == 128) continue;
    const bool is_run = control > 128;
    const std::size_t length = std::min<std::size_t>(is_run ? 257 - control : control + 1, count - done);
    const std::size_t held = is_run ? length : std::min(length, segment.size() - at);
    for (std::size_t i = 0; i < held; ++i) out[step * (done + i)] = segment[is_run ? at : at + i];
    done += held;
    at += is_run ? 1 : length;
  }
  if (done < count) {
    throw std::runtime_error(std::to_string(done) + " of " + std::to_string(count) + " bytes in an RLE segment");
  }
}

}  // namespace

std::vector<std::uint8_t> decode_run_length(std::span<const std::uint8_t> frame, std::size_t pixels,
                                            std::size_t bytes_per_pixel) {
  if (frame.size() < kHeaderBytes) {
    throw std::runtime_error("an RLE frame of " + std::to_string(frame.size()) + " bytes");
  }
  if (const std::size_t segments = header_word(frame, 0); segments != bytes_per_pixel) {
    throw std::runtime_error(std::to_string(segments) + " RLE segments, expected " + std::to_string(bytes_per_pixel));
  }
  std::vector<std::uint8_t> words(pixels * bytes_per_pixel);
  for (std::size_t number = 0; number < bytes_per_pixel; ++number) {
    const std::size_t begin = std::min(header_word(frame, number + 1), frame.size());
    const std::size_t next = number + 1 < bytes_per_pixel ? header_word(frame, number + 2) : frame.size();
    const std::size_t end = std::clamp(next, begin, frame.size());
    // The first segment holds the most significant bytes.
    unpack_bits(frame.subspan(begin, end - begin), words.data() + bytes_per_pixel - 1 - number, pixels,
                bytes_per_pixel);
  }
  return words;
}

}  // namespace egaze::detail
