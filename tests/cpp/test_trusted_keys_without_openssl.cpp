// csrc/runtime/trusted_keys.cpp as it is compiled where OpenSSL is not found: this test compiles it once more, without.
#include "trusted_keys.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "egaze/error.hpp"

using namespace egaze;
using namespace egaze::detail;

namespace {

const std::vector<std::string> kKeys = {"-----BEGIN PUBLIC KEY-----\n"};

ModelArchive signed_archive() {
  ModelArchive archive;
  archive.signature.emplace();
  return archive;
}

}  // namespace

TEST(TrustedKeysWithoutOpenSSL, AnyModelIsAcceptedWhereNoKeysAreGiven) {
  EXPECT_NO_THROW(require_trusted("m.pt", {}, {}));
  EXPECT_NO_THROW(require_trusted("m.pt", signed_archive(), {}));
}

TEST(TrustedKeysWithoutOpenSSL, NoModelIsAcceptedWhereKeysAreGiven) {
  for (const ModelArchive& archive : {ModelArchive{}, signed_archive()}) {
    try {
      require_trusted("m.pt", archive, kKeys);
      ADD_FAILURE() << "a key was trusted that nothing can verify";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::invalid_argument);
      EXPECT_NE(std::string(error.what()).find("build it with OpenSSL"), std::string::npos) << error.what();
    }
  }
}
