// What JPEG and JPEG-LS codestreams say of their size, before a decoder is given them. ITU-T T.81 and T.87 define the
// markers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace egaze::detail {

struct JpegFrame {
  std::size_t height = 0;
  std::size_t width = 0;
  unsigned components = 0;
  unsigned bits = 0;  // of a sample
};

// The one frame header (T.81 B.2.2, T.87 C.2.2) of a codestream that has an end: decoders make up what is cut off.
// Throws std::runtime_error for one that no radiograph has, as Python's egaze.imaging.codestream.
JpegFrame jpeg_frame(std::span<const std::uint8_t> data);

}  // namespace egaze::detail
