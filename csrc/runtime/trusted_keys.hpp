// Who made a model file: the signature in it, and the keys that the caller trusts.
#pragma once

#include <span>
#include <string>

#include "model_archive.hpp"

namespace egaze::detail {

// Lets pass an archive that one of the keys signed, and any where there are no keys. Keys are Ed25519 public keys as PEM
// text. Throws Error(model_signature) for an archive that none of them signed, Error(invalid_argument) for a text that
// is no such key, and for any key in a build without OpenSSL.
void require_trusted(const std::string& path, const ModelArchive& archive, std::span<const std::string> trusted_keys);

}  // namespace egaze::detail
