// Shortens an engine's errors to one line, as egaze::Error requires.
#pragma once

#include <algorithm>
#include <string>

namespace egaze::detail {

// Engines' messages have many lines: the first says what was being done, the last what went wrong. Returns these two in
// at most 1,000 characters, because texts of the model itself may be longer.
inline std::string one_line(const std::string& text) {
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
