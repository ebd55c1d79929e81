// Checks the file of an exported model before any of it is loaded.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "egaze/model_limits.hpp"
#include "egaze/model_spec.hpp"

namespace egaze::detail {

// The content of the member "signature", of which only the size has been checked.
struct ModelSignature {
  std::array<unsigned char, 32> key;        // the Ed25519 public key of the signer
  std::array<unsigned char, 64> signature;  // of signed_message
};

// What the proof of a program found; ModelLimits documents the first three.
struct ProgramProof {
  std::int64_t nodes = 0;
  std::int64_t bytes_at_work = 0;
  std::int64_t multiplications = 0;
  double seconds = 0;  // that the proof took: parsing, types and shapes, and writing the program again
};

struct ModelArchive {
  ModelSpec spec;
  ProgramProof proof;
  std::optional<ModelSignature> signature;  // absent if the file is not signed
  std::vector<unsigned char> bytes;         // the whole file, with its program as write_program wrote it
};

// The text that is signed. It contains the digest, which covers everything else.
std::string signed_message(const ModelSpec& spec);

// The text of a spec with zeros in the place of its digest.
std::string without_digest(std::string_view spec_json, const std::string& digest);

// Throws Error(invalid_argument) for a limit that is out of range.
void check_limits(const ModelLimits& limits);

// Reads a TorchScript file and checks, in this order, its layout (read_stored_zip), its spec, its digest, its members, its
// tensors and its program. In the archive that it returns, the program's text is written from the graph that was proved,
// so that nothing else can be run.
// Throws Error(file_not_found) or Error(model_...), whose messages begin with the path, and Error(invalid_argument) for a
// limit that is out of range.
ModelArchive read_model_archive(const std::string& path, const ModelLimits& limits = {});

// The same for the content of a file, at most kMaxModelBytes + 1 bytes. The path is used in messages only.
ModelArchive check_model_archive(const std::string& path, std::vector<unsigned char> bytes,
                                 const ModelLimits& limits = {});

}  // namespace egaze::detail
