// Files to bytes.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "egaze/error.hpp"

namespace egaze::detail {

// At most the first limit_bytes of a file.
// Throws Error(file_not_found), or Error(unreadable) when it is not a file or cannot be read.
std::vector<unsigned char> read_bytes(const std::string& path, std::uint64_t limit_bytes, ErrorCode unreadable);

}  // namespace egaze::detail
