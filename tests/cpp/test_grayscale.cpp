#include "grayscale.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

using namespace egaze;
using namespace egaze::detail;

namespace {

StoredFilm film(std::vector<std::int16_t> values) {
  const std::size_t count = values.size();
  return {1, count, std::move(values)};
}

bool shows(const Radiograph& radiograph, const std::vector<float>& expected) {
  if (radiograph.pixels.size() != expected.size()) return false;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    if (!(std::abs(radiograph.pixels[i] - expected[i]) <= 1e-6f)) return false;
  }
  return true;
}

TEST(Grayscale, WithoutWindowTheFullRangeIsShown) {
  EXPECT_TRUE(shows(present_dicom(film({-10, 0, 10}), {}, Presentation::voi), {0.0f, 0.5f, 1.0f}));
  EXPECT_TRUE(shows(present_dicom(film({7, 7}), {}, Presentation::voi), {0.0f, 0.0f}));
}

TEST(Grayscale, PaddingIsLeftOutAndBlack) {
  DicomGrayscale grayscale;
  grayscale.padding = {-2000, -1000};
  EXPECT_TRUE(shows(present_dicom(film({-2000, -1000, 0, 5, 10}), grayscale, Presentation::voi), {0, 0, 0, 0.5f, 1}));
  grayscale.monochrome1 = true;
  EXPECT_TRUE(shows(present_dicom(film({-2000, -1000, 0, 5, 10}), grayscale, Presentation::voi), {0, 0, 1, 0.5f, 0}));
}

TEST(Grayscale, Windows) {
  DicomGrayscale grayscale;
  grayscale.rescale_slope = 2.0;
  grayscale.rescale_intercept = -100.0;
  grayscale.window = Window{0.0, 101.0, WindowFunction::linear};
  // PS3.3 C.11.2.1.2.1: x of -0.5 is the middle.
  EXPECT_TRUE(shows(present_dicom(film({0, 25, 50, 100}), grayscale, Presentation::voi),
                {0.0f, (-50.0f + 0.5f) / 100.0f + 0.5f, 0.5f / 100.0f + 0.5f, 1.0f}));
  grayscale.window = Window{0.0, 100.0, WindowFunction::linear_exact};
  EXPECT_TRUE(shows(present_dicom(film({50, 75}), grayscale, Presentation::voi), {0.5f, 1.0f}));
  grayscale.window = Window{0.0, 100.0, WindowFunction::sigmoid};
  EXPECT_TRUE(shows(present_dicom(film({50, 100}), grayscale, Presentation::voi), {0.5f, 0.98201379f}));
  grayscale.window = Window{0.5, 1.0, WindowFunction::linear};
  EXPECT_TRUE(shows(present_dicom(film({50, 51}), grayscale, Presentation::voi), {0.0f, 1.0f}));
}

TEST(Grayscale, LookupTables) {
  DicomGrayscale grayscale;
  grayscale.modality_lut = LookupTable{-1.0, {30.0, 20.0, 10.0}};
  grayscale.voi_lut = LookupTable{10.0, {0.25, 0.5}};
  grayscale.window = Window{0.0, 1.0, WindowFunction::linear};  // the table goes before it
  EXPECT_TRUE(shows(present_dicom(film({-5, -1, 0, 1, 9}), grayscale, Presentation::voi),
                    {0.5f, 0.5f, 0.5f, 0.25f, 0.25f}));
}

TEST(Grayscale, RawMaxIgnoresHowAFilmWantsToBeShown) {
  DicomGrayscale grayscale;
  grayscale.monochrome1 = true;
  grayscale.rescale_slope = -3.0;
  EXPECT_TRUE(shows(present_dicom(film({-4, 0, 1, 4}), grayscale, Presentation::raw_max), {0.0f, 0.0f, 0.25f, 1.0f}));
  EXPECT_TRUE(shows(present_dicom(film({-4, 0}), grayscale, Presentation::raw_max), {0.0f, 0.0f}));
}

TEST(Grayscale, Equalize) {
  // Four values to 0, 85, 170, 255; the cumulated histogram 1, 2, 3, 6 of 6 gives 0, 1/5, 2/5 and 1.
  const std::vector<std::uint8_t> values = {0, 1, 2, 3, 3, 3};
  EXPECT_TRUE(shows(present_plain({1, 6, values}, Presentation::equalize),
                {0.0f, 51.0f / 255.0f, 102.0f / 255.0f, 1.0f, 1.0f, 1.0f}));
  EXPECT_TRUE(shows(present_plain({1, 2, std::vector<std::uint8_t>{9, 9}}, Presentation::equalize), {0.0f, 0.0f}));
}

}  // namespace
