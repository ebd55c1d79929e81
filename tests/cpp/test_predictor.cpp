// What the predictor refuses; what it answers is tested from Python, which makes the models (tests/deploy).
#include "egaze/predictor.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <type_traits>
#include <unistd.h>

#include "egaze/error.hpp"
#include "expect_throws.hpp"

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

TEST(Predictor, NamesWhatIsWrongWithAFile) {
  namespace fs = std::filesystem;
  const fs::path path = fs::temp_directory_path() / ("egaze-predictor-" + std::to_string(getpid()) + ".pt");
  EXPECT_EQ(code_of(path.string()), ErrorCode::file_not_found);
  EXPECT_THROWS(Error, path.string(), Predictor(path.string()));
  EXPECT_EQ(code_of(fs::temp_directory_path().string()), ErrorCode::bad_model_file);
  for (const std::string& content : {std::string(), std::string("hello"), "PK\x03\x04" + std::string(1000, '\0')}) {
    std::ofstream(path, std::ios::binary | std::ios::trunc) << content;
    EXPECT_EQ(code_of(path.string()), ErrorCode::bad_model_file);
    EXPECT_THROWS(Error, path.string(), Predictor(path.string()));
  }
  PredictorOptions options;
  options.threads = -1;
  EXPECT_EQ(code_of(path.string(), options), ErrorCode::invalid_argument);
  fs::remove(path);
  EXPECT_NE(torch_version().find('.'), std::string::npos);
}
