#include "crc32.hpp"

#include <array>
#include <cstddef>

namespace egaze::detail {
namespace {

// tables[k][b]: the remainder of byte b followed by k zero bytes, so that eight bytes are taken at once.
using Tables = std::array<std::array<std::uint32_t, 256>, 8>;

constexpr Tables make_tables() {
  Tables tables{};
  for (std::uint32_t byte = 0; byte < 256; ++byte) {
    std::uint32_t remainder = byte;
    for (int bit = 0; bit < 8; ++bit) remainder = remainder >> 1 ^ (remainder & 1 ? 0xEDB88320u : 0u);
    tables[0][byte] = remainder;
  }
  for (std::size_t k = 1; k < tables.size(); ++k) {
    for (std::size_t byte = 0; byte < 256; ++byte) {
      const std::uint32_t before = tables[k - 1][byte];
      tables[k][byte] = before >> 8 ^ tables[0][before & 0xFF];
    }
  }
  return tables;
}

constexpr Tables kTables = make_tables();

}  // namespace

std::uint32_t crc32(std::span<const unsigned char> bytes) {
  std::uint32_t remainder = 0xFFFFFFFFu;
  std::size_t at = 0;
  const auto byte = [&](std::size_t i) -> std::uint32_t { return bytes[at + i]; };
  for (; bytes.size() - at >= 8; at += 8) {
    const std::uint32_t low = remainder ^ (byte(0) | byte(1) << 8 | byte(2) << 16 | byte(3) << 24);
    remainder = kTables[7][low & 0xFF] ^ kTables[6][low >> 8 & 0xFF] ^ kTables[5][low >> 16 & 0xFF] ^
                kTables[4][low >> 24] ^ kTables[3][byte(4)] ^ kTables[2][byte(5)] ^ kTables[1][byte(6)] ^
                kTables[0][byte(7)];
  }
  for (; at < bytes.size(); ++at) remainder = remainder >> 8 ^ kTables[0][(remainder ^ bytes[at]) & 0xFF];
  return ~remainder;
}

}  // namespace egaze::detail
