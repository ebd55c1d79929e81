// CRC-32 of zip archives (APPNOTE 6.3.3, 4.4.7).
#pragma once

#include <cstdint>
#include <span>

namespace egaze::detail {

std::uint32_t crc32(std::span<const unsigned char> bytes);

}  // namespace egaze::detail
