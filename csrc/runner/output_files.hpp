// Writing files that appear whole or not at all.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>

namespace egaze::runner {

// Checks that files can be written to a folder, which need not exist yet, and returns its name ("." for ""). Throws
// std::runtime_error with one line that names the folder otherwise.
std::string writable_folder(std::string folder);

// Writes a temporary file beside the path and renames it, so that no other program ever sees a partial file. Throws
// std::runtime_error with one line that names the file if it cannot be written.
void write_whole(const std::filesystem::path& path, const void* data, std::size_t size_bytes);

}  // namespace egaze::runner
