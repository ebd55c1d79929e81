// Names of output files, derived from the paths of image files.
#pragma once

#include <string>
#include <vector>

namespace egaze::runner {

// One name for the output files of each path, the same as from Python's egaze.pictures.names.radiograph_names.
//
// The name is the file's name without an extension of image files. It is kept if it has at most 64 characters, all of
// them ASCII letters, digits, '.', '_' or '-', and if no system gives it a special meaning; otherwise it is cleaned and
// ends in 8 digits of its SHA-256. If different paths would have the same name, ignoring case, the names of all of them
// end in 8 digits of the path's SHA-256. Names depend only on the set of paths, neither on their order nor on the
// contents of folders; a path that is given twice has one name.
std::vector<std::string> output_names(const std::vector<std::string>& paths);

}  // namespace egaze::runner
