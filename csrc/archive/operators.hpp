// The one list of what an exported model's program may do.
#pragma once

#include <span>
#include <string_view>

namespace egaze::detail {

// Operators, such as "aten::conv2d": arithmetic on tensors, lists and numbers, and control flow. None of them opens a
// file or a connection, prints, or takes memory without writing it. In alphabetical order.
std::span<const std::string_view> allowed_operators();

bool is_allowed_operator(std::string_view name);

}  // namespace egaze::detail
