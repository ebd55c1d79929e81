// Checks the pickle of a model's tensors ("constants.pkl") before libtorch unpickles it. libtorch does not check the sizes
// and strides of tensors, and makes objects of any class that a pickle names.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "typed_graph.hpp"

namespace egaze::detail {

// Checks that a pickle is a tuple of tensors that lie within their storages, and returns their types and shapes.
// storage_bytes(key) is the size of the member "constants/KEY", if there is one.
// Throws Error(model_operator) for an instruction or a class that no exported model needs, and Error(model_archive) for
// tensors that are not valid. The message begins with the path.
std::vector<TensorType> read_pickled_tensors(
    const std::string& path, std::span<const unsigned char> pickle,
    const std::function<std::optional<std::size_t>(const std::string&)>& storage_bytes);

}  // namespace egaze::detail
