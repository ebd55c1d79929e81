// Checks the signature of a model file against the caller's trusted keys.
#pragma once

#include <span>
#include <string>

#include "model_archive.hpp"

namespace egaze::detail {

// Keys are Ed25519 public keys as PEM text. Without keys, every archive is accepted. Throws Error(model_signature) if
// none of the keys signed the archive, and Error(invalid_argument) if a text is not such a key or, with any key, in a
// build without OpenSSL.
void require_trusted(const std::string& path, const ModelArchive& archive, std::span<const std::string> trusted_keys);

}  // namespace egaze::detail
