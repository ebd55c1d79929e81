#include "sha256.hpp"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace {

std::string digest(std::string_view text, std::size_t piece_bytes, bool accelerated) {
  egaze::detail::Sha256 sha(accelerated);
  for (std::size_t at = 0; at < text.size(); at += piece_bytes) {
    const std::string_view piece = text.substr(at, piece_bytes);
    sha.update(piece.data(), piece.size());
  }
  return sha.finish();
}

}  // namespace

// With and without the processor's instructions, which are used only where there are some.
class Sha256 : public testing::TestWithParam<bool> {};

TEST_P(Sha256, MatchesTheExamplesOfItsStandard) {
  // The examples of FIPS 180-4, whole and in pieces that are not aligned to blocks.
  const std::string million(1000000, 'a');
  for (const std::size_t piece_bytes : {1, 7, 64, 1000001}) {
    const auto expect = [&](std::string_view text, const char* digits) {
      EXPECT_EQ(digest(text, piece_bytes, GetParam()), digits);
    };
    expect("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    expect("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    expect("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
           "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
    expect(million, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
  }
}

INSTANTIATE_TEST_SUITE_P(, Sha256, testing::Bool());
