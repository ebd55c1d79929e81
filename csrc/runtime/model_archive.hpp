// An exported model's file, checked before any of it is run.
#pragma once

#include <string>
#include <vector>

#include "egaze/model_spec.hpp"

namespace egaze::detail {

struct ModelArchive {
  ModelSpec spec;
  std::vector<unsigned char> bytes;  // the whole file, so that what is run is what was checked
};

// Throws Error(file_not_found), or Error(bad_model_file) for a file that is no TorchScript archive, is damaged, holds
// no spec, or whose content does not have the digest that its spec gives.
ModelArchive read_model_archive(const std::string& path);

}  // namespace egaze::detail
