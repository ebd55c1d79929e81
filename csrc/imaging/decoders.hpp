// One reader a file kind. Each throws Error(unreadable_image), whose message begins with the path.
#pragma once

#include <span>
#include <string>

#include "egaze/radiograph.hpp"
#include "radiograph_file.hpp"

namespace egaze::detail {

// A (H, W) array of numpy's format 1.0 or 2.0: uint8, uint16 or float32.
StoredRadiograph read_npy(const std::string& path, std::span<const unsigned char> bytes, Presentation presentation);

// Built with EGAZE_HAVE_PNG and EGAZE_HAVE_JPEG: grey as stored; colours as ITU-R 601 luma.
WordRadiograph read_png(const std::string& path, std::span<const unsigned char> bytes);
WordRadiograph read_jpeg(const std::string& path, std::span<const unsigned char> bytes);

// Built with EGAZE_HAVE_DCMTK: one monochrome frame.
StoredRadiograph read_dicom(const std::string& path, Presentation presentation);

// ITU-R 601 luma as Pillow rounds it.
inline std::uint8_t luma(unsigned red, unsigned green, unsigned blue) {
  return static_cast<std::uint8_t>((red * 19595u + green * 38470u + blue * 7471u + 0x8000u) >> 16);
}

}  // namespace egaze::detail
