// Reads the bytes of files.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "egaze/error.hpp"

namespace egaze::detail {

// The content of a file, or its first limit_bytes if it is longer.
// Throws Error(file_not_found) if the file does not exist or cannot be opened, and an Error of the code `unreadable` if
// it is not a regular file or cannot be read.
std::vector<unsigned char> read_bytes(const std::string& path, std::uint64_t limit_bytes, ErrorCode unreadable);

}  // namespace egaze::detail
