// The pickle of a model's tensors ("constants.pkl"), checked before libtorch unpickles it: libtorch takes a tensor's
// sizes and strides on trust, and makes objects of any class it is told of.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "typed_graph.hpp"

namespace egaze::detail {

// Proves a pickle to be a tuple of tensors that lie within their storages, and gives their types and shapes.
// storage_bytes(key) is the size of the member "constants/KEY", if there is one.
// Throws Error(model_operator) for an instruction or a class that no exported model needs, Error(model_archive) for
// tensors that cannot be. The message begins with the path.
std::vector<TensorType> read_pickled_tensors(
    const std::string& path, std::span<const unsigned char> pickle,
    const std::function<std::optional<std::size_t>(const std::string&)>& storage_bytes);

}  // namespace egaze::detail
