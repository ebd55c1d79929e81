#include "film_file.hpp"

#include "file_bytes.hpp"

namespace egaze::detail {
namespace {

// Four bytes a pixel, and room for headers.
constexpr std::uint64_t kMaxFilmBytes = 4 * kMaxPixels + (1 << 20);

}  // namespace

void unreadable(const std::string& path, const std::string& why) {
  throw Error(ErrorCode::unreadable_image, path + ": " + why);
}

void check_pixel_count(const std::string& path, std::uint64_t height, std::uint64_t width) {
  // Dividing, because the product of two hostile sides may wrap round.
  if (height == 0 || width == 0 || height > kMaxPixels / width) {
    unreadable(path, std::to_string(height) + "x" + std::to_string(width) + " pixels are not between 1 and " +
                         std::to_string(kMaxPixels));
  }
}

std::vector<unsigned char> read_film_bytes(const std::string& path) {
  std::vector<unsigned char> bytes = read_bytes(path, kMaxFilmBytes + 1, ErrorCode::unreadable_image);
  if (bytes.size() > kMaxFilmBytes) {
    unreadable(path, "is larger than any film (" + std::to_string(kMaxFilmBytes) + " bytes)");
  }
  return bytes;
}

}  // namespace egaze::detail
