// An exported model's file, checked before any of it is loaded.
#pragma once

#include <array>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "egaze/model_limits.hpp"
#include "egaze/model_spec.hpp"

namespace egaze::detail {

// The member "signature" as the file holds it: checked for its size only.
struct ModelSignature {
  std::array<unsigned char, 32> key;        // the Ed25519 public key that it names
  std::array<unsigned char, 64> signature;  // of signed_message
};

struct ModelArchive {
  ModelSpec spec;
  std::optional<ModelSignature> signature;  // none in a file that is not signed
  std::vector<unsigned char> bytes;         // the whole file, its program as the check wrote it: what runs was proved
};

// What a model's signature is made over: the digest, which covers everything else.
std::string signed_message(const ModelSpec& spec);

// Reads a model file and proves of it, in this order: its layout (read_stored_zip), that its spec is of this format
// version and possible, its digest, its members, its tensors and its program, which it gives back as it understood it.
// Throws Error(file_not_found), or Error(model_...), whose message begins with the path, and Error(invalid_argument) for
// a limit that is out of range.
ModelArchive read_model_archive(const std::string& path, const ModelLimits& limits = {});

// The same of a file's content, at most kMaxModelBytes and one more; the path is for messages.
ModelArchive check_model_archive(const std::string& path, std::vector<unsigned char> bytes,
                                 const ModelLimits& limits = {});

}  // namespace egaze::detail
