// Reads radiographs from image files, with the same results as Python.
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
  // What was ignored or corrected in the file's header, such as "Rescale Slope 0 ignored"; the same as Python's
  // Presentation.notes.
  std::vector<std::string> notes;

  ImageView view() const { return ImageView::dense(pixels.data(), PixelType::float32, height, width); }
};

// A radiograph as stored, with a table that presents it. It can be resized without a full-size copy in floats.
struct StoredRadiograph {
  std::size_t height = 0;
  std::size_t width = 0;
  // height * width values as stored in the file, row by row; floats lie in [0, 1].
  std::variant<std::vector<std::uint8_t>, std::vector<std::uint16_t>, std::vector<float>> stored;
  // What each stored integer means: 256 or 65,536 values in [0, 1], in the MONOCHROME2 sense. Empty for floats.
  std::vector<float> table;
  std::vector<std::string> notes;  // see Radiograph::notes

  EGAZE_API ImageView view() const;      // the stored values
  EGAZE_API Radiograph present() const;  // the presented radiograph at full size
};

enum class Presentation {
  voi,      // DICOM: modality transform, then the first VOI LUT or window; other files: value / maximum of the type
  raw_max,  // stored values divided by the radiograph's maximum, without window or inversion
  equalize  // scaled to 8 bits between the radiograph's extremes, in the MONOCHROME2 sense, then histogram-equalized
};

// Reads .npy files (uint8 and uint16, and with Presentation::voi float32 in [0, 1]), and PNG, JPEG and DICOM files if
// the library was built with libpng, libjpeg and DCMTK. The content of a file determines its format, not its name.
// Throws Error(file_not_found) or Error(unreadable_image) with a message that names the file and the fault.
EGAZE_API StoredRadiograph read_stored(const std::string& path, Presentation presentation = Presentation::voi);

// Equivalent to read_stored(path, presentation).present().
EGAZE_API Radiograph read_radiograph(const std::string& path, Presentation presentation = Presentation::voi);

// Window Center and Width with the VOI LUT Function LINEAR (DICOM PS3.3 C.11.2.1.2).
struct VoiWindow {
  double centre = 0.0;
  double width = 1.0;  // at least 1
};

// The DICOM attributes of pixels that a viewer decoded itself.
struct StoredGrayscale {
  double rescale_slope = 1.0;
  double rescale_intercept = 0.0;
  std::optional<VoiWindow> window;  // without a window, the radiograph's minimum becomes 0 and its maximum 1
  bool monochrome1 = false;         // Photometric Interpretation is MONOCHROME1: low values are bright
};

// The table that presents a uint8 or uint16 radiograph: for each stored value a value in [0, 1], 256 or 65,536 in all,
// as read_radiograph presents a DICOM file with these attributes. Pass it to Predictor::predict with the radiograph.
// Throws Error(invalid_argument) if the pixels are floats, the radiograph has no pixels, the slope is 0, the window is
// narrower than 1, or a number is not finite.
EGAZE_API std::vector<float> presentation_table(const ImageView& stored, const StoredGrayscale& grayscale,
                                                Presentation presentation = Presentation::voi);

// A format of image files, and whether this build reads it.
struct FileFormat {
  std::string name;  // "npy", "png", "jpeg" or "dicom"
  bool readable;
  std::string missing;       // the library that reading it needs, such as "libpng"; empty if readable
  std::string install_line;  // the command that installs the library on Debian and Ubuntu; empty if readable
};

EGAZE_API std::vector<FileFormat> file_formats();

}  // namespace egaze
