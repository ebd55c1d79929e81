// Words of the command line to radiographs.
#pragma once

#include <string>
#include <vector>

namespace egaze::runner {

// A folder becomes the files in it and in its folders, links followed, in the order of their paths, hidden ones left
// out; a folder that several ways lead to is read once. What is no file becomes the paths that match it as a pattern
// (*, ? and [...]), in order; what matches nothing stays, as do links that lead nowhere and folders that cannot be
// read, so that none is left out without a word. Python's egaze.cli.radiograph_list.radiograph_list does the same.
std::vector<std::string> radiograph_list(const std::vector<std::string>& words);

}  // namespace egaze::runner
