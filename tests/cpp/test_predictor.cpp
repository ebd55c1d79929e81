// What the predictor refuses. Its predictions are tested from Python, which makes the models (tests/deploy).
#include "egaze/predictor.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <type_traits>
#include <unistd.h>
#include <utility>
#include <vector>

#include "egaze/error.hpp"
#include "egaze/radiograph.hpp"
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

TEST(Predictor, ReportsTheFaultOfAFile) {
  namespace fs = std::filesystem;
  const fs::path path = fs::temp_directory_path() / ("egaze-predictor-" + std::to_string(getpid()) + ".pt");
  EXPECT_EQ(code_of(path.string()), ErrorCode::file_not_found);
  EXPECT_THROWS(Error, path.string(), Predictor(path.string()));
  EXPECT_EQ(code_of(fs::temp_directory_path().string()), ErrorCode::model_foreign);
  const std::pair<std::string, ErrorCode> contents[] = {
      {"", ErrorCode::model_truncated},
      {"PK\x03\x04" + std::string(1000, '\0'), ErrorCode::model_truncated},
      {"hello", ErrorCode::model_foreign},
      {std::string("PK\x05\x06", 4) + std::string(18, '\0'), ErrorCode::model_foreign}};
  for (const auto& [content, code] : contents) {
    std::ofstream(path, std::ios::binary | std::ios::trunc) << content;
    EXPECT_EQ(code_of(path.string()), code);
    EXPECT_THROWS(Error, path.string(), Predictor(path.string()));
  }
  PredictorOptions options;
  options.threads = -1;
  EXPECT_EQ(code_of(path.string(), options), ErrorCode::invalid_argument);
  for (const ModelLimit& limit : kModelLimits) {
    for (const std::int64_t value : {std::int64_t{0}, std::int64_t{-1}, limit.largest + 1}) {
      PredictorOptions limited;
      limited.limits.*limit.value = value;
      EXPECT_EQ(code_of(path.string(), limited), ErrorCode::invalid_argument) << limit.name;
      EXPECT_THROWS(Error, limit.name, Predictor(path.string(), limited));
    }
  }
  fs::remove(path);
  EXPECT_NE(engine_versions().find('.'), std::string::npos);
}

TEST(PresentationTable, PresentsThePixelsOfAViewer) {
  const std::uint16_t stored[] = {10, 20, 30, 40};
  const ImageView view = ImageView::dense(stored, PixelType::uint16, 2, 2);
  StoredGrayscale grayscale;
  std::vector<float> table = presentation_table(view, grayscale);
  ASSERT_EQ(table.size(), 65536u);
  EXPECT_FLOAT_EQ(table[10], 0.0f);
  EXPECT_FLOAT_EQ(table[30], 2.0f / 3.0f);
  EXPECT_FLOAT_EQ(table[40], 1.0f);
  grayscale.window = {25.0, 11.0};
  grayscale.monochrome1 = true;
  table = presentation_table(view, grayscale);
  EXPECT_FLOAT_EQ(table[20], 1.0f - 0.05f);
  EXPECT_FLOAT_EQ(table[40], 0.0f);
  EXPECT_FLOAT_EQ(presentation_table(view, grayscale, Presentation::raw_max)[30], 0.75f);

  EXPECT_THROWS(Error, "no pixels", presentation_table(ImageView{}, grayscale));
  const float pixels[] = {0.5f};
  EXPECT_THROWS(Error, "float32", presentation_table(ImageView::dense(pixels, PixelType::float32, 1, 1), grayscale));
  grayscale.window->width = 0.5;
  EXPECT_THROWS(Error, "width 0.5", presentation_table(view, grayscale));
  grayscale.rescale_slope = 0.0;
  EXPECT_THROWS(Error, "slope 0", presentation_table(view, grayscale));
}
