// Expands arguments of the command line to paths of image files.
#pragma once

#include <string>
#include <vector>

namespace egaze::runner {

// A folder expands to the files in it and its subfolders, sorted by path. Links are followed, hidden files are skipped,
// and a folder that is reachable in several ways is read once. An argument that does not exist expands to the paths
// that match it as a pattern (*, ? and [...]), sorted. A file NAME.txt expands to the paths in it, one per line and
// relative to the current folder. Patterns without a match, broken links, empty lists, empty folders and folders that
// cannot be read stay in the list, so that each is reported as an error. Python's
// egaze.cli.radiograph_list.radiograph_list does the same.
std::vector<std::string> radiograph_list(const std::vector<std::string>& words);

}  // namespace egaze::runner
