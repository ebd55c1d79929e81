// Stored values to what the radiograph shows, by each presentation policy. Sections are those of DICOM PS3.3.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "egaze/radiograph.hpp"
#include "radiograph_file.hpp"

namespace egaze::detail {

// A Modality or VOI LUT (C.11.1.1, C.11.2.1.1): inputs below `first` read the first entry, those past the end the last.
struct LookupTable {
  double first = 0.0;
  std::vector<double> entries;  // at least one
};

enum class WindowFunction { linear, linear_exact, sigmoid };

// Window Center and Width (C.11.2.1.2). The width is at least 1 for linear, above 0 for the others.
struct Window {
  double centre = 0.0;
  double width = 1.0;
  WindowFunction function = WindowFunction::linear;
};

// How a DICOM file wants its stored values to be shown.
struct DicomGrayscale {
  std::optional<LookupTable> modality_lut;  // goes before slope and intercept
  double rescale_slope = 1.0;
  double rescale_intercept = 0.0;
  std::optional<LookupTable> voi_lut;  // entries already in [0, 1]; goes before the window
  std::optional<Window> window;
  std::optional<std::pair<int, int>> padding;  // lowest and highest stored value that is padding (C.7.5.1.1.2)
  bool monochrome1 = false;
  std::vector<std::string> notes;  // what the file says that is not among these
};

// A file that says nothing of how it wants to be shown.
StoredRadiograph present_plain(WordRadiograph radiograph, Presentation presentation);

StoredRadiograph present_dicom(WordRadiograph radiograph, const DicomGrayscale& grayscale, Presentation presentation);

// What Modality LUT or Rescale make of a stored value.
double measured(const DicomGrayscale& grayscale, double value);

// How many pixels hold each word. Where the words of the radiograph's least and greatest value are enough, it may be
// ones at these alone.
using Counts = std::vector<std::uint64_t>;
using Held = std::function<Counts(bool ends_are_enough)>;

// What each word becomes.
std::vector<float> dicom_table(const WordLayout& layout, const Held& held, const DicomGrayscale& grayscale,
                               Presentation presentation);

}  // namespace egaze::detail
