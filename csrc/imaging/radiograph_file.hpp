// What the decoders of all file kinds share: sizes, bytes and errors.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "egaze/error.hpp"

namespace egaze::detail {

// Radiographs with more pixels are refused before they are decoded: 2^26, eight times a full-size radiograph, or what
// the environment variable EGAZE_MAX_RADIOGRAPH_PIXELS says, as in Python. Throws Error(invalid_argument) when it is no
// number.
std::uint64_t max_radiograph_pixels();

// The most bytes that a radiograph's file may have: four a pixel, and 16 MiB for headers.
std::uint64_t max_radiograph_bytes();

// How a stored value lies in a word (PS3.3 C.7.6.3.1); bits beside it may hold overlays, and do not count.
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

// A grey radiograph's words, row by row.
struct WordRadiograph {
  std::size_t height = 0;
  std::size_t width = 0;
  std::variant<std::vector<std::uint8_t>, std::vector<std::uint16_t>> words;
  WordLayout layout;
};

[[noreturn]] void unreadable(const std::string& path, const std::string& why);

// Throws Error(unreadable_image) unless height * width is from 1 to max_radiograph_pixels().
void check_pixel_count(const std::string& path, std::uint64_t height, std::uint64_t width);

// Throws Error(unreadable_image) when the file is larger than max_radiograph_bytes().
void check_file_bytes(const std::string& path);

// A radiograph file's whole content, refused when no radiograph can be as large.
std::vector<unsigned char> read_radiograph_bytes(const std::string& path);

}  // namespace egaze::detail
