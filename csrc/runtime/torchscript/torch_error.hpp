// Shortens errors of libtorch to one line, as egaze::Error requires.
#pragma once

#include <c10/util/Exception.h>

#include <algorithm>
#include <exception>
#include <string>

namespace egaze::detail {

// libtorch's messages have many lines: the first says what was being done, the last what went wrong. Returns these two
// without the stack trace, in at most 1,000 characters, because texts of the model itself may be longer.
inline std::string one_line(const std::exception& error) {
  const auto* c10_error = dynamic_cast<const c10::Error*>(&error);
  const std::string text = c10_error != nullptr ? c10_error->what_without_backtrace() : error.what();
  std::string first, last;
  std::size_t begin = 0;
  while (begin < text.size()) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    const std::string line = text.substr(begin, end - begin);
    if (line.find_first_not_of(" \t\r~^") != std::string::npos) {
      if (first.empty()) first = line;
      last = line;
    }
    begin = end + 1;
  }
  return (first == last ? first : first + " " + last).substr(0, 1000);
}

}  // namespace egaze::detail
