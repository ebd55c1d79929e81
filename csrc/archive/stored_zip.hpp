// The members of a zip archive that is laid out in the one way an exported model is (APPNOTE 6.3.3): stored, not
// compressed; each once, in the order of their names, in the folder "egaze/"; one after the other from the first byte,
// their directory right after the last, and nothing else. So every program that opens zip files sees the same members,
// and the members' names and contents determine every byte of the file: nothing can hide in it.
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

// The members in the order of the file; they are views of `bytes`.
// Throws Error: model_truncated for an archive without its end, model_foreign for a file that is no zip archive or
// holds no member `own`, model_archive for any other layout. The message begins with the path.
std::vector<ZipMember> read_stored_zip(const std::string& path, std::span<const unsigned char> bytes,
                                       const std::string& own);

}  // namespace egaze::detail
