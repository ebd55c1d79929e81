// What the predictor refuses; what it answers is tested from Python, which makes the models (tests/deploy).
#include "egaze/predictor.hpp"

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <type_traits>

#include "check.hpp"
#include "egaze/error.hpp"

using namespace egaze;

static_assert(std::is_nothrow_move_constructible_v<Predictor> && std::is_nothrow_move_assignable_v<Predictor>);
static_assert(!std::is_copy_constructible_v<Predictor>);

namespace {

ErrorCode code_of(const std::string& path, const PredictorOptions& options = {}) {
  try {
    Predictor predictor(path, options);
  } catch (const Error& error) {
    return error.code();
  }
  return ErrorCode::unreadable_image;  // nothing of a model is ever this
}

}  // namespace

int main() {
  namespace fs = std::filesystem;
  const fs::path path = fs::temp_directory_path() / ("egaze-predictor-" + std::to_string(getpid()) + ".pt");
  CHECK(code_of(path.string()) == ErrorCode::file_not_found);
  CHECK_THROWS(Error, path.string(), Predictor(path.string()));
  CHECK(code_of(fs::temp_directory_path().string()) == ErrorCode::bad_model_file);
  for (const std::string& content : {std::string(), std::string("hello"), "PK\x03\x04" + std::string(1000, '\0')}) {
    std::ofstream(path, std::ios::binary | std::ios::trunc) << content;
    CHECK(code_of(path.string()) == ErrorCode::bad_model_file);
    CHECK_THROWS(Error, path.string(), Predictor(path.string()));
  }
  PredictorOptions options;
  options.threads = -1;
  CHECK(code_of(path.string(), options) == ErrorCode::invalid_argument);
  fs::remove(path);
  CHECK(torch_version().find('.') != std::string::npos);
  return check::result();
}
