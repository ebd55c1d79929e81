// Radiographs on disk to pixels, as Python reads them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "egaze/export.hpp"
#include "egaze/image.hpp"

namespace egaze {

// A radiograph in the MONOCHROME2 sense: 0 is black, 1 is white.
struct Radiograph {
  std::size_t height = 0;
  std::size_t width = 0;
  std::vector<float> pixels;  // height * width values in [0, 1], row by row
  // What the file says that was not taken at its word, such as "Rescale Slope 0 ignored", as Python's
  // Presentation.notes.
  std::vector<std::string> notes;

  ImageView view() const { return ImageView::dense(pixels.data(), PixelType::float32, height, width); }
};

// A radiograph read but not yet looked up, so that a small image of it never needs a large one of floats.
struct StoredRadiograph {
  std::size_t height = 0;
  std::size_t width = 0;
  // height * width values as the file holds them, row by row: words, or numbers in [0, 1].
  std::variant<std::vector<std::uint8_t>, std::vector<std::uint16_t>, std::vector<float>> stored;
  // What each word becomes, 256 or 65,536 values in [0, 1] in the MONOCHROME2 sense; none where `stored` are floats.
  std::vector<float> table;
  std::vector<std::string> notes;  // as a Radiograph's

  EGAZE_API ImageView view() const;      // of what is stored
  EGAZE_API Radiograph present() const;  // the radiograph at its full size
};

enum class Presentation {
  voi,      // DICOM: modality transform, then the first VOI LUT or window; other files: value / largest of the type
  raw_max,  // stored values divided by the radiograph's largest; no window, no inversion
  equalize  // scaled to 8 bits between the radiograph's extremes, in the MONOCHROME2 sense, then histogram-equalised
};

// Reads .npy (uint8, uint16, and with Presentation::voi float32 in [0, 1]) always; PNG, JPEG and DICOM when the
// library was built with libpng, libjpeg and DCMTK. The file's content tells its kind, not its name.
// Throws Error(file_not_found) or Error(unreadable_image), which names the file and what is wrong with it.
EGAZE_API StoredRadiograph read_stored(const std::string& path, Presentation presentation = Presentation::voi);

// The same at the radiograph's full size.
EGAZE_API Radiograph read_radiograph(const std::string& path, Presentation presentation = Presentation::voi);

// Window Center and Width with the VOI LUT Function LINEAR (DICOM PS3.3 C.11.2.1.2).
struct VoiWindow {
  double centre = 0.0;
  double width = 1.0;  // at least 1
};

// What a viewer knows of pixels that it decoded itself, in DICOM's words.
struct StoredGrayscale {
  double rescale_slope = 1.0;
  double rescale_intercept = 0.0;
  std::optional<VoiWindow> window;  // without one the radiograph's extremes become 0 and 1
  bool monochrome1 = false;         // Photometric Interpretation: low values are bright
};

// What each stored value of a uint8 or uint16 radiograph becomes, 256 or 65,536 values in [0, 1]: as read_radiograph
// presents a DICOM file with these elements. Give it to Predictor::predict as the radiograph's table.
// Throws Error(invalid_argument) for float pixels, a radiograph without pixels, a slope of 0, a window narrower than 1,
// or numbers that are not finite.
EGAZE_API std::vector<float> presentation_table(const ImageView& stored, const StoredGrayscale& grayscale,
                                                Presentation presentation = Presentation::voi);

// A kind of radiograph file, and whether this build reads it.
struct FileFormat {
  std::string name;  // "npy", "png", "jpeg" or "dicom"
  bool readable;
  std::string missing;       // what a build that reads it needs, such as "libpng"; empty when readable
  std::string install_line;  // how Debian and Ubuntu install that; empty when readable
};

EGAZE_API std::vector<FileFormat> file_formats();

}  // namespace egaze
