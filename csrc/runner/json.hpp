// JSON text of strings and numbers.
#pragma once

#include <string>
#include <string_view>

namespace egaze::runner {

// The text where it is UTF-8; each byte that is not, as file names may hold, becomes U+FFFD.
std::string valid_utf8(std::string_view text);

// A quoted JSON string. Bytes that are not UTF-8, as file names may hold, become U+FFFD.
std::string json_string(std::string_view text);

// A finite number, with enough digits to give back the same float.
std::string json_number(float value);
std::string json_number(double value);

}  // namespace egaze::runner
