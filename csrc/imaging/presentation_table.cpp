// Presents pixels that a viewer decoded itself like those of a DICOM file.
#include <cmath>
#include <cstring>

#include "egaze/error.hpp"
#include "egaze/radiograph.hpp"
#include "grayscale.hpp"

namespace egaze {
namespace {

template <class T>
detail::Counts count_words(const ImageView& stored) {
  detail::Counts counts(std::size_t{1} << 8 * sizeof(T));
  for (std::size_t y = 0; y < stored.height; ++y) {
    const auto* at =
        static_cast<const unsigned char*>(stored.data) + static_cast<std::ptrdiff_t>(y) * stored.row_stride_bytes;
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
  if (stored.data == nullptr || stored.height == 0 || stored.width == 0) refuse("the radiograph has no pixels");
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
  detail::DicomGrayscale dicom;
  dicom.rescale_slope = grayscale.rescale_slope;
  dicom.rescale_intercept = grayscale.rescale_intercept;
  if (grayscale.window) {
    dicom.window = {grayscale.window->centre, grayscale.window->width, detail::WindowFunction::linear};
  }
  dicom.monochrome1 = grayscale.monochrome1;
  const bool bytes = stored.type == PixelType::uint8;
  const auto held = [&](bool) {
    return bytes ? count_words<std::uint8_t>(stored) : count_words<std::uint16_t>(stored);
  };
  return detail::dicom_table({bytes ? 8u : 16u}, held, dicom, presentation);
}

}  // namespace egaze
