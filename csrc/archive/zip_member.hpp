// A member of a stored zip archive with another content in its place.
#pragma once

#include <span>
#include <string_view>
#include <vector>

namespace egaze::detail {

// Puts `content` in the place of a member that `read_stored_zip` found in `bytes`, and moves what follows. Spans over
// what lies behind hold something else then.
void replace_member(std::vector<unsigned char>& bytes, std::span<const unsigned char> member, std::string_view content);

}  // namespace egaze::detail
