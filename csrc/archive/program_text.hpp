// A model's program as text, read before TorchScript sees it: loading alone compiles and folds it, which runs parts.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace egaze::detail {

// Proves a text to be one frozen forward(image: Tensor) -> (Tensor, Tensor) that uses only allowed operators and the
// first `constants` of the archive's tensors. There is no other method, so none that runs on loading (__setstate__); no
// attribute, no call of anything but an operator by its name, no import and no nested function.
// Throws Error(model_operator), whose message begins with the path.
void check_program_text(const std::string& path, std::string_view text, std::size_t constants);

}  // namespace egaze::detail
