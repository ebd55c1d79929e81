// A viewer's own pixels, presented as those of a DICOM file are.
#include <algorithm>
#include <cmath>
#include <cstring>

#include "egaze/error.hpp"
#include "egaze/radiograph.hpp"
#include "grayscale.hpp"

namespace egaze {
namespace {

template <class T>
std::vector<std::uint64_t> count_values(const ImageView& stored) {
  std::vector<std::uint64_t> counts(std::size_t{1} << 8 * sizeof(T));
  for (std::size_t y = 0; y < stored.height; ++y) {
    const auto* at = static_cast<const unsigned char*>(stored.data) + static_cast<std::ptrdiff_t>(y) *
                                                                          stored.row_stride_bytes;
    for (std::size_t x = 0; x < stored.width; ++x, at += stored.column_stride_bytes) {
      T value;
      std::memcpy(&value, at, sizeof value);
      ++counts[value];
    }
  }
  return counts;
}

void check(const ImageView& stored, const StoredGrayscale& grayscale) {
  const auto refuse = [](const std::string& why) { throw Error(ErrorCode::invalid_argument, why); };
  if (stored.data == nullptr || stored.height == 0 || stored.width == 0) refuse("the film has no pixels");
  if (stored.type == PixelType::float32) refuse("a table is of stored integers: uint8 or uint16, got float32");
  if (!std::isfinite(grayscale.rescale_slope) || grayscale.rescale_slope == 0.0 ||
      !std::isfinite(grayscale.rescale_intercept)) {
    refuse("rescale slope " + std::to_string(grayscale.rescale_slope) + " and intercept " +
           std::to_string(grayscale.rescale_intercept) + ", expected finite numbers and a slope other than 0");
  }
  if (grayscale.window && !(grayscale.window->width >= 1.0 && std::isfinite(grayscale.window->width) &&
                            std::isfinite(grayscale.window->centre))) {
    refuse("window centre " + std::to_string(grayscale.window->centre) + " and width " +
           std::to_string(grayscale.window->width) + ", expected finite numbers and a width of at least 1");
  }
}

}  // namespace

std::vector<float> presentation_table(const ImageView& stored, const StoredGrayscale& grayscale,
                                      Presentation presentation) {
  check(stored, grayscale);
  std::vector<std::uint64_t> counts = stored.type == PixelType::uint8 ? count_values<std::uint8_t>(stored)
                                                                      : count_values<std::uint16_t>(stored);
  std::vector<float> table(counts.size());
  const auto used = [](std::uint64_t count) { return count > 0; };
  const auto first = std::ranges::find_if(counts, used);
  const auto last = std::find_if(counts.rbegin(), counts.rend(), used).base();
  const detail::Histogram histogram{static_cast<int>(first - counts.begin()), {first, last}};

  detail::DicomGrayscale dicom;
  dicom.rescale_slope = grayscale.rescale_slope;
  dicom.rescale_intercept = grayscale.rescale_intercept;
  if (grayscale.window) {
    dicom.window = {grayscale.window->centre, grayscale.window->width, detail::WindowFunction::linear};
  }
  dicom.monochrome1 = grayscale.monochrome1;
  const std::vector<double> shown = detail::dicom_table(histogram, dicom, presentation);
  // Values that no pixel holds stay 0: they are never looked up.
  std::ranges::transform(shown, table.begin() + histogram.lowest,
                         [](double value) { return static_cast<float>(std::clamp(value, 0.0, 1.0)); });
  return table;
}

}  // namespace egaze
