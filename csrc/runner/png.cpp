#include "png.hpp"

#include <algorithm>
#include <array>
#include <string_view>

namespace egaze::runner {
namespace {

using Bytes = std::vector<std::uint8_t>;

constexpr std::size_t kMaxStoredBlockBytes = 65535;  // RFC 1951, section 3.2.4

void append_big_endian(Bytes& out, std::uint32_t value) {
  for (int shift = 24; shift >= 0; shift -= 8) out.push_back(static_cast<std::uint8_t>(value >> shift));
}

constexpr std::array<std::uint32_t, 256> make_crc_table() {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t i = 0; i < 256; ++i) {
    std::uint32_t value = i;
    for (int bit = 0; bit < 8; ++bit) value = value & 1 ? 0xEDB88320u ^ (value >> 1) : value >> 1;
    table[i] = value;
  }
  return table;
}

std::uint32_t crc32(std::span<const std::uint8_t> bytes) {
  static constexpr std::array<std::uint32_t, 256> table = make_crc_table();
  std::uint32_t crc = 0xFFFFFFFFu;
  for (const std::uint8_t byte : bytes) crc = table[(crc ^ byte) & 0xFF] ^ (crc >> 8);
  return ~crc;
}

std::uint32_t adler32(std::span<const std::uint8_t> bytes) {
  std::uint32_t a = 1, b = 0;
  for (const std::uint8_t byte : bytes) {
    a = (a + byte) % 65521;
    b = (b + a) % 65521;
  }
  return b << 16 | a;
}

void append_chunk(Bytes& out, std::string_view type, const Bytes& data) {
  append_big_endian(out, static_cast<std::uint32_t>(data.size()));
  const std::size_t begin = out.size();
  out.insert(out.end(), type.begin(), type.end());
  out.insert(out.end(), data.begin(), data.end());
  append_big_endian(out, crc32(std::span(out).subspan(begin)));
}

// A zlib stream (RFC 1950) of stored blocks.
Bytes stored_stream(std::span<const std::uint8_t> bytes) {
  Bytes out = {0x78, 0x01};
  std::size_t at = 0;
  do {
    const std::size_t length = std::min(kMaxStoredBlockBytes, bytes.size() - at);
    out.push_back(at + length == bytes.size() ? 1 : 0);
    for (const std::size_t field : {length, ~length}) {
      out.push_back(static_cast<std::uint8_t>(field));
      out.push_back(static_cast<std::uint8_t>(field >> 8));
    }
    out.insert(out.end(), bytes.begin() + static_cast<std::ptrdiff_t>(at),
               bytes.begin() + static_cast<std::ptrdiff_t>(at + length));
    at += length;
  } while (at < bytes.size());
  append_big_endian(out, adler32(bytes));
  return out;
}

}  // namespace

std::vector<std::uint8_t> encode_png(std::span<const std::uint8_t> pixels, std::size_t height, std::size_t width) {
  Bytes header;
  append_big_endian(header, static_cast<std::uint32_t>(width));
  append_big_endian(header, static_cast<std::uint32_t>(height));
  // 8 bits, grey or RGB, deflate, adaptive filtering, not interlaced.
  const bool colours = pixels.size() == 3 * height * width;
  header.insert(header.end(), {8, static_cast<std::uint8_t>(colours ? 2 : 0), 0, 0, 0});
  const std::size_t row_bytes = pixels.size() / height;
  Bytes rows;
  rows.reserve(height * (row_bytes + 1));
  for (std::size_t y = 0; y < height; ++y) {
    rows.push_back(0);  // no filter
    const auto row = pixels.subspan(y * row_bytes, row_bytes);
    rows.insert(rows.end(), row.begin(), row.end());
  }
  Bytes file = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1A, '\n'};
  append_chunk(file, "IHDR", header);
  append_chunk(file, "IDAT", stored_stream(rows));
  append_chunk(file, "IEND", {});
  return file;
}

}  // namespace egaze::runner
