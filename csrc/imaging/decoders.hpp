// One decoder per file format. Each throws Error(unreadable_image) with a message that begins with the path.
#pragma once

#include <span>
#include <string>

#include "egaze/radiograph.hpp"
#include "radiograph_file.hpp"

namespace egaze::detail {

// A numpy array of shape (H, W) in format version 1.0 or 2.0: uint8, uint16 or float32.
StoredRadiograph read_npy(const std::string& path, std::span<const unsigned char> bytes, Presentation presentation);

// Compiled if EGAZE_HAVE_PNG and EGAZE_HAVE_JPEG. Grey values are kept as stored; colours become ITU-R 601 luma.
WordRadiograph read_png(const std::string& path, std::span<const unsigned char> bytes);
WordRadiograph read_jpeg(const std::string& path, std::span<const unsigned char> bytes);

// Compiled if EGAZE_HAVE_DCMTK. Reads one monochrome frame.
StoredRadiograph read_dicom(const std::string& path, Presentation presentation);

// ITU-R 601 luma, rounded as Pillow rounds it.
inline std::uint8_t luma(unsigned red, unsigned green, unsigned blue) {
  return static_cast<std::uint8_t>((red * 19595u + green * 38470u + blue * 7471u + 0x8000u) >> 16);
}

}  // namespace egaze::detail
