#include "grayscale.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

using namespace egaze;
using namespace egaze::detail;

namespace {

// Signed values as words.
WordRadiograph radiograph(const std::vector<std::int16_t>& values) {
  return {1, values.size(), std::vector<std::uint16_t>(values.begin(), values.end()), {16, 16, 15, true}};
}

bool shows(const StoredRadiograph& stored, const std::vector<float>& expected) {
  const Radiograph radiograph = stored.present();
  if (radiograph.pixels.size() != expected.size()) return false;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    if (!(std::abs(radiograph.pixels[i] - expected[i]) <= 1e-6f)) return false;
  }
  return true;
}

TEST(Grayscale, WithoutWindowTheFullRangeIsShown) {
  EXPECT_TRUE(shows(present_dicom(radiograph({-10, 0, 10}), {}, Presentation::voi), {0.0f, 0.5f, 1.0f}));
  EXPECT_TRUE(shows(present_dicom(radiograph({7, 7}), {}, Presentation::voi), {0.0f, 0.0f}));
}

TEST(Grayscale, ARadiographThatIsShownAsOneValueIsNoted) {
  using Notes = std::vector<std::string>;
  DicomGrayscale grayscale;
  grayscale.notes = {"Rescale Slope 0 ignored"};
  grayscale.window = {500.0, 10.0, WindowFunction::linear};
  const Notes both = {"Rescale Slope 0 ignored", "stored values -10 to 10 are all shown as 0.000"};
  const StoredRadiograph dark = present_dicom(radiograph({-10, 0, 10}), grayscale, Presentation::voi);
  EXPECT_EQ(dark.notes, both);
  EXPECT_EQ(dark.present().notes, both);
  EXPECT_EQ(present_dicom(radiograph({-10, 0, 500}), grayscale, Presentation::voi).notes, (Notes{both.front()}));
  EXPECT_EQ(present_dicom(radiograph({7, 7}), {}, Presentation::voi).notes, Notes{});
  // Without a value above 0, nothing can be divided by the radiograph's largest.
  EXPECT_EQ(present_dicom(radiograph({-10, -3}), {}, Presentation::raw_max).notes,
            (Notes{"stored values -10 to -3 are all shown as 0.000"}));
  grayscale.padding = {-20, 490};
  EXPECT_EQ(present_dicom(radiograph({-10, 0, 520, 600}), grayscale, Presentation::voi).notes,
            (Notes{both.front(), "stored values 520 to 600 are all shown as 1.000"}));
  EXPECT_EQ(present_dicom(radiograph({-10, 0, 10}), grayscale, Presentation::voi).notes,
            (Notes{both.front(), "all pixels are padding"}));
}

TEST(Grayscale, OtherBitsOfAWordAreIgnored) {
  // Values 1, 2 and 3 of four bits, with arbitrary bits above and below them.
  const WordRadiograph low{1, 3, std::vector<std::uint16_t>{0xF001, 0x0002, 0x8003}, {16, 4, 3}};
  EXPECT_TRUE(shows(present_dicom(low, {}, Presentation::voi), {0.0f, 0.5f, 1.0f}));
  const WordRadiograph high{1, 3, std::vector<std::uint16_t>{0xF01F, 0x0020, 0x803A}, {16, 4, 7}};
  EXPECT_TRUE(shows(present_dicom(high, {}, Presentation::voi), {0.0f, 0.5f, 1.0f}));
  // -1, 0 and 1 in four signed bits, with and without sign extension to the word.
  for (const std::uint16_t minus_one : {0xFFFF, 0x000F}) {
    const WordRadiograph both{1, 3, std::vector<std::uint16_t>{minus_one, 0, 1}, {16, 4, 3, true}};
    EXPECT_TRUE(shows(present_dicom(both, {}, Presentation::voi), {0.0f, 0.5f, 1.0f}));
    EXPECT_TRUE(shows(present_dicom(both, {}, Presentation::raw_max), {0.0f, 0.0f, 1.0f}));
  }
  const WordRadiograph bytes{1, 2, std::vector<std::uint8_t>{0xF0, 0x0F}, {8, 8, 7, true}};
  EXPECT_TRUE(shows(present_dicom(bytes, {}, Presentation::voi), {0.0f, 1.0f}));
}

TEST(Grayscale, AModalityLutChangesTheExtremes) {
  DicomGrayscale grayscale;
  grayscale.modality_lut = LookupTable{0.0, {5.0, 9.0, 1.0, 5.0}};
  EXPECT_TRUE(shows(present_dicom(radiograph({0, 1, 2, 3}), grayscale, Presentation::voi), {0.5f, 1.0f, 0.0f, 0.5f}));
  grayscale.modality_lut.reset();
  grayscale.rescale_slope = -2.0;
  EXPECT_TRUE(shows(present_dicom(radiograph({0, 1, 2}), grayscale, Presentation::voi), {1.0f, 0.5f, 0.0f}));
}

TEST(Grayscale, PaddingIsIgnoredAndBlack) {
  DicomGrayscale grayscale;
  grayscale.padding = {-2000, -1000};
  EXPECT_TRUE(
      shows(present_dicom(radiograph({-2000, -1000, 0, 5, 10}), grayscale, Presentation::voi), {0, 0, 0, 0.5f, 1}));
  grayscale.monochrome1 = true;
  EXPECT_TRUE(
      shows(present_dicom(radiograph({-2000, -1000, 0, 5, 10}), grayscale, Presentation::voi), {0, 0, 1, 0.5f, 0}));
}

TEST(Grayscale, Windows) {
  DicomGrayscale grayscale;
  grayscale.rescale_slope = 2.0;
  grayscale.rescale_intercept = -100.0;
  grayscale.window = Window{0.0, 101.0, WindowFunction::linear};
  // PS3.3 C.11.2.1.2.1: x of -0.5 is the middle.
  EXPECT_TRUE(shows(present_dicom(radiograph({0, 25, 50, 100}), grayscale, Presentation::voi),
                    {0.0f, (-50.0f + 0.5f) / 100.0f + 0.5f, 0.5f / 100.0f + 0.5f, 1.0f}));
  grayscale.window = Window{0.0, 100.0, WindowFunction::linear_exact};
  EXPECT_TRUE(shows(present_dicom(radiograph({50, 75}), grayscale, Presentation::voi), {0.5f, 1.0f}));
  grayscale.window = Window{0.0, 100.0, WindowFunction::sigmoid};
  EXPECT_TRUE(shows(present_dicom(radiograph({50, 100}), grayscale, Presentation::voi), {0.5f, 0.98201379f}));
  grayscale.window = Window{0.5, 1.0, WindowFunction::linear};
  EXPECT_TRUE(shows(present_dicom(radiograph({50, 51}), grayscale, Presentation::voi), {0.0f, 1.0f}));
}

TEST(Grayscale, LookupTables) {
  DicomGrayscale grayscale;
  grayscale.modality_lut = LookupTable{-1.0, {30.0, 20.0, 10.0}};
  grayscale.voi_lut = LookupTable{10.0, {0.25, 0.5}};
  grayscale.window = Window{0.0, 1.0, WindowFunction::linear};  // the table takes precedence
  EXPECT_TRUE(shows(present_dicom(radiograph({-5, -1, 0, 1, 9}), grayscale, Presentation::voi),
                    {0.5f, 0.5f, 0.5f, 0.25f, 0.25f}));
}

TEST(Grayscale, RawMaxIgnoresTheHeader) {
  DicomGrayscale grayscale;
  grayscale.monochrome1 = true;
  grayscale.rescale_slope = -3.0;
  EXPECT_TRUE(
      shows(present_dicom(radiograph({-4, 0, 1, 4}), grayscale, Presentation::raw_max), {0.0f, 0.0f, 0.25f, 1.0f}));
  EXPECT_TRUE(shows(present_dicom(radiograph({-4, 0}), grayscale, Presentation::raw_max), {0.0f, 0.0f}));
}

TEST(Grayscale, Equalize) {
  // Four values to 0, 85, 170, 255; the cumulated histogram 1, 2, 3, 6 of 6 gives 0, 1/5, 2/5 and 1.
  const std::vector<std::uint8_t> values = {0, 1, 2, 3, 3, 3};
  EXPECT_TRUE(shows(present_plain({1, 6, values, {8}}, Presentation::equalize),
                    {0.0f, 51.0f / 255.0f, 102.0f / 255.0f, 1.0f, 1.0f, 1.0f}));
  EXPECT_TRUE(shows(present_plain({1, 2, std::vector<std::uint8_t>{9, 9}, {8}}, Presentation::equalize), {0.0f, 0.0f}));
}

}  // namespace
