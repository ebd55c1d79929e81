// What libtorch's errors say, on one line and without their stack traces.
#pragma once

#include <c10/util/Exception.h>

#include <exception>
#include <string>

#include "one_line.hpp"

namespace egaze::detail {

inline std::string one_line(const std::exception& error) {
  const auto* c10_error = dynamic_cast<const c10::Error*>(&error);
  return one_line(std::string(c10_error != nullptr ? c10_error->what_without_backtrace() : error.what()));
}

}  // namespace egaze::detail
