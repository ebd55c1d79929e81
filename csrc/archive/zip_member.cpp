#include "zip_member.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "crc32.hpp"

namespace egaze::detail {
namespace {

constexpr std::size_t kLocalBytes = 30, kCentralBytes = 46, kEndBytes = 22;

std::size_t number(const std::vector<unsigned char>& bytes, std::size_t at, std::size_t count) {
  std::size_t value = 0;
  for (std::size_t i = 0; i < count; ++i) value |= std::size_t{bytes[at + i]} << 8 * i;
  return value;
}

void set_number(std::vector<unsigned char>& bytes, std::size_t at, std::size_t value) {
  for (std::size_t i = 0; i < 4; ++i) bytes[at + i] = static_cast<unsigned char>(value >> 8 * i);
}

// Writes the CRC-32 and both sizes, which are adjacent in a local header and in a directory entry.
void set_content(std::vector<unsigned char>& bytes, std::size_t at, std::uint32_t crc, std::size_t size) {
  set_number(bytes, at, crc);
  set_number(bytes, at + 4, size);
  set_number(bytes, at + 8, size);
}

}  // namespace

void replace_member(std::vector<unsigned char>& bytes, std::span<const unsigned char> member,
                    std::string_view content) {
  const auto begin = static_cast<std::size_t>(member.data() - bytes.data());
  const std::size_t old_size = member.size();
  const auto* letters = reinterpret_cast<const unsigned char*>(content.data());
  const std::uint32_t crc = crc32({letters, content.size()});
  const auto at = bytes.begin() + static_cast<std::ptrdiff_t>(begin);
  if (content.size() <= old_size) {
    std::copy_n(letters, content.size(), at);
    bytes.erase(at + static_cast<std::ptrdiff_t>(content.size()), at + static_cast<std::ptrdiff_t>(old_size));
  } else {
    std::copy_n(letters, old_size, at);
    bytes.insert(at + static_cast<std::ptrdiff_t>(old_size), letters + old_size, letters + content.size());
  }
  const auto moved = [&](std::size_t place) { return place > begin ? place - old_size + content.size() : place; };
  const std::size_t end = bytes.size() - kEndBytes;
  const std::size_t directory = moved(number(bytes, end + 16, 4));
  set_number(bytes, end + 16, directory);
  for (std::size_t entry = directory; entry < end;) {
    const std::size_t name_bytes = number(bytes, entry + 28, 2), header = moved(number(bytes, entry + 42, 4));
    set_number(bytes, entry + 42, header);
    if (header + kLocalBytes + name_bytes == begin) {
      set_content(bytes, header + 14, crc, content.size());
      set_content(bytes, entry + 16, crc, content.size());
    }
    entry += kCentralBytes + name_bytes;
  }
}

}  // namespace egaze::detail
