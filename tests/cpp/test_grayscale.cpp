#include "grayscale.hpp"

#include <vector>

#include "check.hpp"

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
    if (!check::close(radiograph.pixels[i], expected[i], 1e-6)) return false;
  }
  return true;
}

void test_without_window_the_full_range_is_shown() {
  CHECK(shows(present_dicom(film({-10, 0, 10}), {}, Presentation::voi), {0.0f, 0.5f, 1.0f}));
  CHECK(shows(present_dicom(film({7, 7}), {}, Presentation::voi), {0.0f, 0.0f}));
}

void test_padding_is_left_out_and_black() {
  DicomGrayscale grayscale;
  grayscale.padding = {-2000, -1000};
  CHECK(shows(present_dicom(film({-2000, -1000, 0, 5, 10}), grayscale, Presentation::voi), {0, 0, 0, 0.5f, 1}));
  grayscale.monochrome1 = true;
  CHECK(shows(present_dicom(film({-2000, -1000, 0, 5, 10}), grayscale, Presentation::voi), {0, 0, 1, 0.5f, 0}));
}

void test_windows() {
  DicomGrayscale grayscale;
  grayscale.rescale_slope = 2.0;
  grayscale.rescale_intercept = -100.0;
  grayscale.window = Window{0.0, 101.0, WindowFunction::linear};
  // PS3.3 C.11.2.1.2.1: x of -0.5 is the middle.
  CHECK(shows(present_dicom(film({0, 25, 50, 100}), grayscale, Presentation::voi),
              {0.0f, (-50.0f + 0.5f) / 100.0f + 0.5f, 0.5f / 100.0f + 0.5f, 1.0f}));
  grayscale.window = Window{0.0, 100.0, WindowFunction::linear_exact};
  CHECK(shows(present_dicom(film({50, 75}), grayscale, Presentation::voi), {0.5f, 1.0f}));
  grayscale.window = Window{0.0, 100.0, WindowFunction::sigmoid};
  CHECK(shows(present_dicom(film({50, 100}), grayscale, Presentation::voi), {0.5f, 0.98201379f}));
  grayscale.window = Window{0.5, 1.0, WindowFunction::linear};
  CHECK(shows(present_dicom(film({50, 51}), grayscale, Presentation::voi), {0.0f, 1.0f}));
}

void test_lookup_tables() {
  DicomGrayscale grayscale;
  grayscale.modality_lut = LookupTable{-1.0, {30.0, 20.0, 10.0}};
  grayscale.voi_lut = LookupTable{10.0, {0.25, 0.5}};
  grayscale.window = Window{0.0, 1.0, WindowFunction::linear};  // the table goes before it
  CHECK(shows(present_dicom(film({-5, -1, 0, 1, 9}), grayscale, Presentation::voi), {0.5f, 0.5f, 0.5f, 0.25f, 0.25f}));
}

void test_raw_max_ignores_how_a_film_wants_to_be_shown() {
  DicomGrayscale grayscale;
  grayscale.monochrome1 = true;
  grayscale.rescale_slope = -3.0;
  CHECK(shows(present_dicom(film({-4, 0, 1, 4}), grayscale, Presentation::raw_max), {0.0f, 0.0f, 0.25f, 1.0f}));
  CHECK(shows(present_dicom(film({-4, 0}), grayscale, Presentation::raw_max), {0.0f, 0.0f}));
}

void test_equalize() {
  // Four values to 0, 85, 170, 255; the cumulated histogram 1, 2, 3, 6 of 6 gives 0, 1/5, 2/5 and 1.
  const std::vector<std::uint8_t> values = {0, 1, 2, 3, 3, 3};
  CHECK(shows(present_plain({1, 6, values}, Presentation::equalize),
              {0.0f, 51.0f / 255.0f, 102.0f / 255.0f, 1.0f, 1.0f, 1.0f}));
  CHECK(shows(present_plain({1, 2, std::vector<std::uint8_t>{9, 9}}, Presentation::equalize), {0.0f, 0.0f}));
}

}  // namespace

int main() {
  test_without_window_the_full_range_is_shown();
  test_padding_is_left_out_and_black();
  test_windows();
  test_lookup_tables();
  test_raw_max_ignores_how_a_film_wants_to_be_shown();
  test_equalize();
  return check::result();
}
