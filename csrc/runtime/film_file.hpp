// What the readers of all file kinds share: sizes, bytes and errors.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "egaze/error.hpp"

namespace egaze::detail {

// Films with more pixels are refused before they are decoded (2^28: sixteen times the largest detector's).
inline constexpr std::uint64_t kMaxPixels = std::uint64_t{1} << 28;

// A grey film as its file stores it.
struct StoredFilm {
  std::size_t height = 0;
  std::size_t width = 0;
  std::variant<std::vector<std::uint8_t>, std::vector<std::uint16_t>, std::vector<std::int16_t>> values;
};

[[noreturn]] void unreadable(const std::string& path, const std::string& why);

// Throws Error(unreadable_image) unless height * width is from 1 to kMaxPixels.
void check_pixel_count(const std::string& path, std::uint64_t height, std::uint64_t width);

// A film file's whole content, refused when no film can be as large.
std::vector<unsigned char> read_film_bytes(const std::string& path);

}  // namespace egaze::detail
