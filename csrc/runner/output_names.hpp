// Names of outputs from radiographs' paths.
#pragma once

#include <string>
#include <vector>

namespace egaze::runner {

// One name for the outputs of each radiograph, the same as Python's egaze.pictures.names.radiograph_names.
//
// The name is that of the radiograph's file without the extension of a radiograph. One of at most 64 ASCII letters,
// digits, '.', '_' and '-' stays as it is, unless a system takes it for something else; another is cleaned and ends in
// 8 digits of its SHA-256. Radiographs of other paths that would so get one name, also where the file system ignores
// case, all end in 8 digits of their path's SHA-256. Names depend on the paths alone, neither on their order nor on
// what lies in any folder; a path that is given twice has one name.
std::vector<std::string> output_names(const std::vector<std::string>& paths);

}  // namespace egaze::runner
