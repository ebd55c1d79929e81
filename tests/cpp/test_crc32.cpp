#include "crc32.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace {

std::uint32_t crc32_of(std::string_view text) {
  return egaze::detail::crc32({reinterpret_cast<const unsigned char*>(text.data()), text.size()});
}

// A bit at a time.
std::uint32_t slow(std::string_view text) {
  std::uint32_t remainder = 0xFFFFFFFFu;
  for (const char letter : text) {
    remainder ^= static_cast<unsigned char>(letter);
    for (int bit = 0; bit < 8; ++bit) remainder = remainder >> 1 ^ (remainder & 1 ? 0xEDB88320u : 0u);
  }
  return ~remainder;
}

}  // namespace

TEST(Crc32, GivesTheKnownValues) {
  EXPECT_EQ(crc32_of(""), 0u);
  EXPECT_EQ(crc32_of("123456789"), 0xCBF43926u);
  EXPECT_EQ(crc32_of("The quick brown fox jumps over the lazy dog"), 0x414FA339u);
}

TEST(Crc32, OfEveryLengthIsThatOfTheSlowWay) {
  std::string text;
  for (unsigned i = 0; i < 100; ++i) {
    EXPECT_EQ(crc32_of(text), slow(text)) << text.size();
    text += static_cast<char>(i * 167 + 31);
  }
}
