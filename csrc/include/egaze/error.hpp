// The exception type that the library throws. what() is one line that names the value or file at fault.
#pragma once

#include <cstddef>
#include <stdexcept>
#include <string>

#include "egaze/export.hpp"

namespace egaze {

enum class ErrorCode {
  invalid_argument,    // a number, shape or option that the function does not accept
  file_not_found,      // a path that cannot be opened
  unreadable_image,    // an image file that is damaged, of an unknown format, or needs a library that this build lacks
  device_unavailable,  // a device that this build or machine does not have
  model_truncated,     // a model file that is incomplete
  model_foreign,       // a file that egaze did not export
  model_archive,       // a model file whose layout no exported file has: it is damaged or malicious
  model_version,       // a model file in a format version that this egaze does not read
  model_spec,          // a model file whose spec is incomplete or has impossible values
  model_digest,        // a model file whose content does not match its digest
  model_operator,      // a model file whose program uses operators that no exported model needs
  model_failed,        // a model that cannot be loaded or run, or whose outputs are not what its spec promises
  model_signature      // a model file that no trusted key signed
};

// The name of a code, such as "model_digest"; Python's ModelFileError.code and the C interface use the same names.
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
