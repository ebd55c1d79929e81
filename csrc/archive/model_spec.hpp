// Reads a ModelSpec from the text of "egaze_spec.json" and checks every field.
#pragma once

#include <string>
#include <string_view>

#include "egaze/model_spec.hpp"

namespace egaze::detail {

// Unknown keys are ignored, so that later versions of egaze can add some.
// Throws Error(model_version) or Error(model_spec), whose message begins with the path.
ModelSpec parse_model_spec(const std::string& path, std::string_view json);

}  // namespace egaze::detail
