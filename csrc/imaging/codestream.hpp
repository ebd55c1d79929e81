// Checks JPEG and JPEG-LS codestreams before a decoder sees them. ITU-T T.81 and T.87 define the markers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace egaze::detail {

struct JpegFrame {
  std::size_t height = 0;
  std::size_t width = 0;
  unsigned components = 0;
  unsigned bits = 0;  // per sample
};

// The frame header (T.81 B.2.2, T.87 C.2.2) of a complete codestream; decoders would invent the pixels of a truncated
// one. Throws std::runtime_error if the codestream is truncated, damaged or not that of a radiograph, like Python's
// egaze.imaging.codestream.
JpegFrame jpeg_frame(std::span<const std::uint8_t> data);

}  // namespace egaze::detail
