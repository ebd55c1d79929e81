#include "trusted_keys.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <memory>
#include <vector>

#include "egaze/error.hpp"
#include "sha256.hpp"

#if EGAZE_HAVE_OPENSSL
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#endif

namespace egaze::detail {

#if EGAZE_HAVE_OPENSSL

namespace {

using Key = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;
using RawKey = decltype(ModelSignature::key);

// Leaves no errors in OpenSSL's queue, which the host program may read.
struct QuietErrors {
  QuietErrors() { ERR_set_mark(); }
  ~QuietErrors() { ERR_pop_to_mark(); }
};

Key public_key(const std::string& pem) {
  const std::unique_ptr<BIO, decltype(&BIO_free)> text(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())),
                                                       &BIO_free);
  const auto no_password = [](char*, int, int, void*) { return -1; };
  Key key(text == nullptr ? nullptr : PEM_read_bio_PUBKEY(text.get(), nullptr, no_password, nullptr), &EVP_PKEY_free);
  if (key == nullptr || EVP_PKEY_get_base_id(key.get()) != EVP_PKEY_ED25519) {
    throw Error(ErrorCode::invalid_argument, "a trusted key is not an Ed25519 public key in PEM (BEGIN PUBLIC KEY)");
  }
  return key;
}

RawKey raw(const Key& key) {
  RawKey bytes{};
  std::size_t size = bytes.size();
  if (EVP_PKEY_get_raw_public_key(key.get(), bytes.data(), &size) != 1 || size != bytes.size()) {
    throw Error(ErrorCode::invalid_argument, "a trusted key is not an Ed25519 public key");
  }
  return bytes;
}

bool verifies(const Key& key, const ModelSignature& signature, const std::string& message) {
  const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(), &EVP_MD_CTX_free);
  return context != nullptr && EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, key.get()) == 1 &&
         EVP_DigestVerify(context.get(), signature.signature.data(), signature.signature.size(),
                          reinterpret_cast<const unsigned char*>(message.data()), message.size()) == 1;
}

std::string fingerprint(const RawKey& key) {
  Sha256 sha;
  sha.update(key.data(), key.size());
  return sha.finish().substr(0, 16);
}

}  // namespace

void require_trusted(const std::string& path, const ModelArchive& archive, std::span<const std::string> trusted_keys) {
  if (trusted_keys.empty()) return;
  const QuietErrors quiet;
  std::vector<Key> keys;
  for (const std::string& pem : trusted_keys) keys.push_back(public_key(pem));
  const auto refusal = [&](const std::string& what) { return Error(ErrorCode::model_signature, path + ": " + what); };
  if (!archive.signature) throw refusal("not signed, but trusted keys are given");
  const ModelSignature& signature = *archive.signature;
  const auto key = std::ranges::find_if(keys, [&](const Key& each) { return raw(each) == signature.key; });
  if (key == keys.end()) throw refusal("signed with the key " + fingerprint(signature.key) + ", which is not trusted");
  if (!verifies(*key, signature, signed_message(archive.spec))) {
    throw refusal("the signature is damaged or belongs to another model");
  }
}

#else

void require_trusted(const std::string&, const ModelArchive&, std::span<const std::string> trusted_keys) {
  if (trusted_keys.empty()) return;
  throw Error(
      ErrorCode::invalid_argument,
      "this build cannot verify signatures: build it with OpenSSL (Debian, Ubuntu: apt-get install libssl-dev)");
}

#endif

}  // namespace egaze::detail
