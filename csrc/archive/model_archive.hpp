// An exported model's file, checked before any of it is loaded.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "egaze/model_limits.hpp"
#include "egaze/model_spec.hpp"

namespace egaze::detail {

struct ModelArchive {
  ModelSpec spec;
  std::string spec_json;             // as the file holds it
  std::vector<unsigned char> bytes;  // the whole file, its program as the check wrote it: what is run is what was proved
};

// Reads a model file and proves of it, in this order: its layout (read_stored_zip), that its spec is of this format
// version and possible, its digest, its members, its tensors and its program, which it gives back as it understood it.
// Throws Error(file_not_found), or Error(model_...), whose message begins with the path.
ModelArchive read_model_archive(const std::string& path, const ModelLimits& limits = {});

}  // namespace egaze::detail
