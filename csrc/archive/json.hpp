// A strict parser of small JSON texts (RFC 8259), for the spec of a model.
#pragma once

#include <cstddef>
#include <stdexcept>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace egaze::detail {

inline constexpr std::size_t kMaxJsonBytes = 1 << 20;
inline constexpr int kMaxJsonDepth = 32;
inline constexpr std::size_t kMaxJsonKeys = 1024;  // in one object

struct JsonValue;
struct JsonMember;
using JsonArray = std::vector<JsonValue>;
using JsonObject = std::vector<JsonMember>;  // in the order of the text; no key occurs twice

struct JsonValue {
  std::variant<std::nullptr_t, bool, double, std::string, JsonArray, JsonObject> value;
  bool is_integer = false;  // whether it is a number written without a decimal point or an exponent

  template <class T>
  const T* as() const {
    return std::get_if<T>(&value);
  }
};

struct JsonMember {
  std::string key;
  JsonValue value;
};

// what() names what was expected, and the position in bytes.
class JsonError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// Throws JsonError for a text that is not a single JSON value in UTF-8, repeats a key, or exceeds the limits above.
JsonValue parse_json(std::string_view text);

}  // namespace egaze::detail
