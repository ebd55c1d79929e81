// Words of the command line to films.
#pragma once

#include <string>
#include <vector>

namespace egaze::runner {

// A folder becomes the files in it and in its folders, in the order of their paths, hidden ones left out; what is no
// file becomes the paths that match it as a pattern (*, ? and [...]), in order; what matches nothing stays.
std::vector<std::string> film_list(const std::vector<std::string>& words);

}  // namespace egaze::runner
