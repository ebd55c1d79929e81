// Replaces the content of a member of a stored zip archive.
#pragma once

#include <span>
#include <string_view>
#include <vector>

namespace egaze::detail {

// Replaces a member that `read_stored_zip` found in `bytes`, and moves everything that follows it: other spans of `bytes`
// are no longer valid.
void replace_member(std::vector<unsigned char>& bytes, std::span<const unsigned char> member, std::string_view content);

}  // namespace egaze::detail
