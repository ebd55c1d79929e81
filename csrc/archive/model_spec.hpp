// The text of "egaze_spec.json" to a ModelSpec whose every field has been checked.
#pragma once

#include <string>
#include <string_view>

#include "egaze/model_spec.hpp"

namespace egaze::detail {

// Keys it does not know are ignored, so that later versions may add some.
// Throws Error(model_version) or Error(model_spec), whose message begins with the path.
ModelSpec parse_model_spec(const std::string& path, std::string_view json);

}  // namespace egaze::detail
