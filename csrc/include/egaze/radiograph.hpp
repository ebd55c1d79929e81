// Films on disk to pixels, as Python's egaze.read_radiograph reads them.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "egaze/image.hpp"

namespace egaze {

// A film in the MONOCHROME2 sense: 0 is black, 1 is white.
struct Radiograph {
  std::size_t height = 0;
  std::size_t width = 0;
  std::vector<float> pixels;  // height * width values in [0, 1], row by row

  ImageView view() const { return ImageView::dense(pixels.data(), PixelType::float32, height, width); }
};

enum class Presentation {
  voi,      // DICOM: modality transform, then the first VOI LUT or window; other files: value / largest of the type
  raw_max,  // stored values divided by the film's largest; no window, no inversion
  equalize  // scaled to 8 bits between the film's extremes, in the MONOCHROME2 sense, then histogram-equalised
};

// Reads .npy (uint8, uint16, and with Presentation::voi float32 in [0, 1]) always; PNG, JPEG and DICOM when the
// library was built with libpng, libjpeg and DCMTK. The file's content tells its kind, not its name.
// Throws Error(file_not_found) or Error(unreadable_image), which names the file and what is wrong with it.
Radiograph read_radiograph(const std::string& path, Presentation presentation = Presentation::voi);

// A kind of film file, and whether this build reads it.
struct FileFormat {
  std::string name;          // "npy", "png", "jpeg" or "dicom"
  bool readable;
  std::string missing;       // what a build that reads it needs, such as "libpng"; empty when readable
  std::string install_line;  // how Debian and Ubuntu install that; empty when readable
};

std::vector<FileFormat> file_formats();

}  // namespace egaze
