#include "object_uids.hpp"

#include <algorithm>
#include <array>
#include <cstdint>

#include "sha256.hpp"

namespace egaze::runner {
namespace {

constexpr char kLayout[] = "egaze DICOM objects 1";
constexpr std::size_t kUuidBytes = 16;

void add(detail::Sha256& digest, const std::string& part) {
  unsigned char length[8];
  for (std::size_t i = 0; i < sizeof length; ++i) {
    length[i] = static_cast<unsigned char>(static_cast<std::uint64_t>(part.size()) >> 8 * i);
  }
  digest.update(length, sizeof length);
  digest.update(part.data(), part.size());
}

// A number of 128 bits, the highest first, in decimal digits.
std::string decimal(std::array<unsigned, kUuidBytes> number) {
  std::string digits;
  while (std::ranges::any_of(number, [](unsigned byte) { return byte != 0; })) {
    unsigned rest = 0;
    for (unsigned& byte : number) {
      const unsigned value = rest << 8 | byte;
      byte = value / 10;
      rest = value % 10;
    }
    digits += static_cast<char>('0' + rest);
  }
  std::ranges::reverse(digits);
  return digits;
}

}  // namespace

std::string uid_of(const std::vector<std::string>& parts) {
  detail::Sha256 digest;
  add(digest, kLayout);
  for (const std::string& part : parts) add(digest, part);
  const std::string hex = digest.finish();
  std::array<unsigned, kUuidBytes> bits{};
  for (std::size_t i = 0; i < kUuidBytes; ++i) {
    bits[i] = static_cast<unsigned>(std::stoul(hex.substr(2 * i, 2), nullptr, 16));
  }
  // A UUID of version 8, whose bits are its maker's choice (RFC 9562).
  bits[6] = (bits[6] & 0x0Fu) | 0x80u;
  bits[8] = (bits[8] & 0x3Fu) | 0x80u;
  return "2.25." + decimal(bits);
}

}  // namespace egaze::runner
