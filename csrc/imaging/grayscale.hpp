// The presentation of stored values as grey values. Sections refer to DICOM PS3.3.
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

// A Modality or VOI LUT (C.11.1.1, C.11.2.1.1). Inputs below `first` map to the first entry, those past the end to the
// last.
struct LookupTable {
  double first = 0.0;
  std::vector<double> entries;  // at least one
};

enum class WindowFunction { linear, linear_exact, sigmoid };

// Window Center and Width (C.11.2.1.2). The width is at least 1 for linear and above 0 for the other functions.
struct Window {
  double centre = 0.0;
  double width = 1.0;
  WindowFunction function = WindowFunction::linear;
};

// How a DICOM header says that stored values are presented.
struct DicomGrayscale {
  std::optional<LookupTable> modality_lut;  // takes precedence over slope and intercept
  double rescale_slope = 1.0;
  double rescale_intercept = 0.0;
  std::optional<LookupTable> voi_lut;  // entries in [0, 1]; takes precedence over the window
  std::optional<Window> window;
  std::optional<std::pair<int, int>> padding;  // smallest and largest stored value that is padding (C.7.5.1.1.2)
  bool monochrome1 = false;
  std::vector<std::string> notes;  // what was ignored or corrected in the header
};

// Presents the words of a file format that does not describe a presentation.
StoredRadiograph present_plain(WordRadiograph radiograph, Presentation presentation);

StoredRadiograph present_dicom(WordRadiograph radiograph, const DicomGrayscale& grayscale, Presentation presentation);

// A stored value after the Modality LUT or Rescale Slope and Intercept.
double measured(const DicomGrayscale& grayscale, double value);

// How many pixels have each word. If only the extremes are needed, the counts may instead be 1 for the words of the
// smallest and largest value and 0 for all others.
using Counts = std::vector<std::uint64_t>;
using Held = std::function<Counts(bool ends_are_enough)>;

// The table of presented values, one per word.
std::vector<float> dicom_table(const WordLayout& layout, const Held& held, const DicomGrayscale& grayscale,
                               Presentation presentation);

}  // namespace egaze::detail
