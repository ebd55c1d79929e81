// What the decoders of all file formats share: limits, stored words, bytes and errors.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "egaze/error.hpp"

namespace egaze::detail {

// The largest number of pixels that is read; larger radiographs are refused before they are decoded. As in Python, it
// is the value of the environment variable EGAZE_MAX_RADIOGRAPH_PIXELS, or 2^26, about eight times a full-size
// radiograph. Throws Error(invalid_argument) if the variable is not a number in range.
std::uint64_t max_radiograph_pixels();

// The largest file that is read: four bytes per pixel, and 16 MiB for headers.
std::uint64_t max_radiograph_bytes();

// The position of a stored value in a word (PS3.3 C.7.6.3.1). The other bits may hold overlays and are ignored.
struct WordLayout {
  unsigned allocated = 16;  // 8 or 16
  unsigned stored = allocated;
  unsigned high_bit = stored - 1;
  bool is_signed = false;

  int value(unsigned word) const {
    const unsigned bits = word >> (high_bit + 1 - stored) & ((1u << stored) - 1);
    const unsigned sign = is_signed ? bits >> (stored - 1) : 0;
    return static_cast<int>(bits) - static_cast<int>(sign << stored);
  }
};

// The words of a greyscale radiograph, row by row.
struct WordRadiograph {
  std::size_t height = 0;
  std::size_t width = 0;
  std::variant<std::vector<std::uint8_t>, std::vector<std::uint16_t>> words;
  WordLayout layout;
};

// Throws Error(unreadable_image) with the message "PATH: WHY".
[[noreturn]] void unreadable(const std::string& path, const std::string& why);

// Throws Error(unreadable_image) unless height * width lies between 1 and max_radiograph_pixels().
void check_pixel_count(const std::string& path, std::uint64_t height, std::uint64_t width);

// Throws Error(unreadable_image) if the file is larger than max_radiograph_bytes().
void check_file_bytes(const std::string& path);

// The whole content of an image file. Throws Error(unreadable_image) if it is larger than max_radiograph_bytes().
std::vector<unsigned char> read_radiograph_bytes(const std::string& path);

}  // namespace egaze::detail
