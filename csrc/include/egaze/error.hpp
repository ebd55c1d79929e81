// The one exception type of the library. what() is one line that names the value or file at fault.
#pragma once

#include <stdexcept>
#include <string>

namespace egaze {

enum class ErrorCode {
  invalid_argument,  // a number, shape or option that the function does not take
  file_not_found,    // a path that cannot be opened
  unreadable_image,  // an image file that is damaged, of an unknown kind, or needs a library this build lacks
  bad_model_file,    // a model file that is damaged, foreign, or of another format version
  device_unavailable // a device that this build or machine does not have
};

class Error : public std::runtime_error {
 public:
  Error(ErrorCode code, const std::string& message) : std::runtime_error(message), code_(code) {}
  ErrorCode code() const noexcept { return code_; }

 private:
  ErrorCode code_;
};

}  // namespace egaze
