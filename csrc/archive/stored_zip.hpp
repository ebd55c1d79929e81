// Reads a zip archive (APPNOTE 6.3.3) that has the layout of an exported model. All members are in the folder "egaze/",
// stored without compression, and sorted by name; no name occurs twice. They follow one another from the first byte of the
// file, the directory follows the last of them, and there is nothing else. Every program that opens zip files therefore
// sees the same members, and the names and contents of the members determine every byte of the file.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace egaze::detail {

inline constexpr std::uint64_t kMaxModelBytes = std::uint64_t{1} << 31;
inline constexpr std::size_t kMaxMembers = 20'000;

struct ZipMember {
  std::string name;  // without the top folder
  std::span<const unsigned char> content;
};

// Returns the members in the order of the file, as views of `bytes`.
// Throws Error(model_truncated) for an archive without its end, Error(model_foreign) for a file that is not a zip archive
// or has no member `own`, and Error(model_archive) for any other layout. The message begins with the path.
std::vector<ZipMember> read_stored_zip(const std::string& path, std::span<const unsigned char> bytes,
                                       const std::string& own);

}  // namespace egaze::detail
