// The one exception type of the library. what() is one line that names the value or file at fault.
#pragma once

#include <cstddef>
#include <stdexcept>
#include <string>

#include "egaze/export.hpp"

namespace egaze {

enum class ErrorCode {
  invalid_argument,    // a number, shape or option that the function does not take
  file_not_found,      // a path that cannot be opened
  unreadable_image,    // an image file that is damaged, of an unknown kind, or needs a library this build lacks
  device_unavailable,  // a device that this build or machine does not have
  model_truncated,     // a model file that is cut short
  model_foreign,       // a file that egaze did not export
  model_archive,       // a model file that is built as no exported one is: damaged, or made to harm
  model_version,       // a model file of a format that this egaze does not read
  model_spec,          // a model file that says of itself what cannot be
  model_digest,        // a model file whose content was changed
  model_operator,      // a model file whose program does what no exported model needs to do
  model_failed,        // a model that cannot be loaded or run, or gave other than its spec promises
  model_signature      // a model file that no trusted key signed
};

// The code's name, such as "model_digest": the same in Python's ModelFileError.code and in the C interface.
constexpr const char* error_name(ErrorCode code) {
  switch (code) {
    case ErrorCode::invalid_argument: return "invalid_argument";
    case ErrorCode::file_not_found: return "file_not_found";
    case ErrorCode::unreadable_image: return "unreadable_image";
    case ErrorCode::device_unavailable: return "device_unavailable";
    case ErrorCode::model_truncated: return "model_truncated";
    case ErrorCode::model_foreign: return "model_foreign";
    case ErrorCode::model_archive: return "model_archive";
    case ErrorCode::model_version: return "model_version";
    case ErrorCode::model_spec: return "model_spec";
    case ErrorCode::model_digest: return "model_digest";
    case ErrorCode::model_operator: return "model_operator";
    case ErrorCode::model_failed: return "model_failed";
    case ErrorCode::model_signature: return "model_signature";
  }
  return "unknown";
}

namespace detail {

// The text with its control characters, line breaks among them, as \xNN: a file's words may hold any.
inline std::string on_one_line(const std::string& text) {
  constexpr const char* digits = "0123456789abcdef";
  std::string line;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    // Those of Unicode beyond ASCII, U+0080 to U+009F, are two bytes.
    const auto next = static_cast<unsigned char>(i + 1 < text.size() ? text[i + 1] : 0);
    const bool wide = byte == 0xC2 && next >= 0x80 && next < 0xA0;
    if (byte >= 0x20 && byte != 0x7F && !wide) {
      line += text[i];
      continue;
    }
    const unsigned char control = wide ? next : byte;
    line += {'\\', 'x', digits[control >> 4], digits[control & 15]};
    if (wide) ++i;
  }
  return line;
}

}  // namespace detail

class EGAZE_API Error : public std::runtime_error {
 public:
  Error(ErrorCode code, const std::string& message) : std::runtime_error(detail::on_one_line(message)), code_(code) {}
  ErrorCode code() const noexcept { return code_; }

 private:
  ErrorCode code_;
};

}  // namespace egaze
