// DICOM's RLE (PS3.5 Annex G), never beyond the bytes that the radiograph needs.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace egaze::detail {

// One grey frame's words, the low byte first: `pixels` of `bytes_per_pixel`. The byte -128 does nothing (DCMTK
// 3.6.7 takes it as a run of 129). Throws std::runtime_error: a damaged header, another number of segments than bytes a
// pixel, or too few bytes.
std::vector<std::uint8_t> decode_run_length(std::span<const std::uint8_t> frame, std::size_t pixels,
                                            std::size_t bytes_per_pixel);

}  // namespace egaze::detail
