// A decoder for DICOM's RLE (PS3.5 Annex G) that never writes more bytes than the radiograph has.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace egaze::detail {

// The words of one greyscale frame, least significant byte first: `pixels` words of `bytes_per_pixel` bytes. The
// control byte -128 does nothing (DCMTK 3.6.7 decodes it as a run of 129 bytes). Throws std::runtime_error if the
// header is damaged, the number of segments is not bytes_per_pixel, or there are too few bytes.
std::vector<std::uint8_t> decode_run_length(std::span<const std::uint8_t> frame, std::size_t pixels,
                                            std::size_t bytes_per_pixel);

}  // namespace egaze::detail
