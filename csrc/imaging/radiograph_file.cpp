#include "radiograph_file.hpp"

#include <charconv>
#include <cstdlib>
#include <filesystem>
#include <string_view>

#include "file_bytes.hpp"

namespace egaze::detail {
namespace {

constexpr char kMaxRadiographPixels[] = "EGAZE_MAX_RADIOGRAPH_PIXELS";
constexpr std::uint64_t kDefaultMaxPixels = std::uint64_t{1} << 26;
constexpr std::uint64_t kHighestMaxPixels = std::uint64_t{1} << 32;
constexpr std::uint64_t kHeaderBytes = 1 << 24;

[[noreturn]] void too_large(const std::string& path) {
  unreadable(path, "is larger than any radiograph (" + std::to_string(max_radiograph_bytes()) + " bytes)");
}

}  // namespace

std::uint64_t max_radiograph_pixels() {
  const char* variable = std::getenv(kMaxRadiographPixels);  // NOLINT(concurrency-mt-unsafe): only reads
  if (variable == nullptr) return kDefaultMaxPixels;
  const std::string_view text = variable;
  std::uint64_t pixels = 0;
  const auto result = std::from_chars(text.data(), text.data() + text.size(), pixels);
  if (result.ec != std::errc() || result.ptr != text.data() + text.size() || pixels < 1 || pixels > kHighestMaxPixels) {
    throw Error(ErrorCode::invalid_argument, std::string(kMaxRadiographPixels) + " must be a whole number from 1 to " +
                                                 std::to_string(kHighestMaxPixels) + ", got '" + variable + "'");
  }
  return pixels;
}

std::uint64_t max_radiograph_bytes() { return 4 * max_radiograph_pixels() + kHeaderBytes; }

void unreadable(const std::string& path, const std::string& why) {
  throw Error(ErrorCode::unreadable_image, path + ": " + why);
}

void check_pixel_count(const std::string& path, std::uint64_t height, std::uint64_t width) {
  // Division, because the product of two hostile sides may overflow.
  if (height == 0 || width == 0 || height > max_radiograph_pixels() / width) {
    unreadable(path, std::to_string(height) + "x" + std::to_string(width) + " pixels are not between 1 and " +
                         std::to_string(max_radiograph_pixels()) + " (raise " + kMaxRadiographPixels +
                         " to read larger radiographs)");
  }
}

void check_file_bytes(const std::string& path) {
  std::error_code error;
  const std::uint64_t bytes = std::filesystem::file_size(path, error);
  if (!error && bytes > max_radiograph_bytes()) too_large(path);
}

std::vector<unsigned char> read_radiograph_bytes(const std::string& path) {
  std::vector<unsigned char> bytes = read_bytes(path, max_radiograph_bytes() + 1, ErrorCode::unreadable_image);
  if (bytes.size() > max_radiograph_bytes()) too_large(path);
  return bytes;
}

}  // namespace egaze::detail
