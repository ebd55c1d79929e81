// Strings and numbers as JSON.
#pragma once

#include <string>
#include <string_view>

namespace egaze::runner {

// The text with each byte that is not valid UTF-8, as may occur in file names, replaced by U+FFFD.
std::string valid_utf8(std::string_view text);

// The text as a quoted JSON string, with invalid bytes replaced as by valid_utf8.
std::string json_string(std::string_view text);

// A finite number, with enough digits to restore the same value.
std::string json_number(float value);
std::string json_number(double value);

}  // namespace egaze::runner
