#include "egaze/radiograph.hpp"

#include <algorithm>
#include <cstring>
#include <new>
#include <string_view>
#include <type_traits>

#include "file_bytes.hpp"
#include "grayscale.hpp"
#include "decoders.hpp"

namespace egaze {
namespace {

constexpr std::size_t kHeadBytes = 132;

FileFormat format(const char* name, bool readable, const char* library, const char* install_line) {
  if (readable) return {name, true, "", ""};
  return {name, false, library, install_line};
}

FileFormat png_format() { return format("png", EGAZE_HAVE_PNG, "libpng", "apt-get install libpng-dev"); }
FileFormat jpeg_format() { return format("jpeg", EGAZE_HAVE_JPEG, "libjpeg", "apt-get install libjpeg-dev"); }
FileFormat dicom_format() { return format("dicom", EGAZE_HAVE_DCMTK, "DCMTK", "apt-get install libdcmtk-dev"); }

[[noreturn, maybe_unused]] void lacks_library(const std::string& path, const FileFormat& format) {
  detail::unreadable(path, "is a " + format.name + " radiograph, and this build lacks " + format.missing +
                               " to read it: `" + format.install_line + "` (Debian, Ubuntu) and build again");
}

StoredRadiograph read_png_radiograph(const std::string& path, Presentation presentation) {
#if EGAZE_HAVE_PNG
  return detail::present_plain(detail::read_png(path, detail::read_radiograph_bytes(path)), presentation);
#else
  static_cast<void>(presentation);
  lacks_library(path, png_format());
#endif
}

StoredRadiograph read_jpeg_radiograph(const std::string& path, Presentation presentation) {
#if EGAZE_HAVE_JPEG
  return detail::present_plain(detail::read_jpeg(path, detail::read_radiograph_bytes(path)), presentation);
#else
  static_cast<void>(presentation);
  lacks_library(path, jpeg_format());
#endif
}

StoredRadiograph read_dicom_radiograph(const std::string& path, Presentation presentation) {
#if EGAZE_HAVE_DCMTK
  return detail::read_dicom(path, presentation);
#else
  static_cast<void>(presentation);
  lacks_library(path, dicom_format());
#endif
}

bool begins_with(const std::vector<unsigned char>& bytes, std::size_t at, std::string_view magic) {
  return bytes.size() >= at + magic.size() && std::memcmp(bytes.data() + at, magic.data(), magic.size()) == 0;
}

}  // namespace

StoredRadiograph read_stored(const std::string& path, Presentation presentation) {
  try {
    const std::vector<unsigned char> head = detail::read_bytes(path, kHeadBytes, ErrorCode::unreadable_image);
    if (begins_with(head, 0, "\x93NUMPY")) {
      return detail::read_npy(path, detail::read_radiograph_bytes(path), presentation);
    }
    if (begins_with(head, 0, "\x89PNG")) return read_png_radiograph(path, presentation);
    if (begins_with(head, 0, "\xff\xd8\xff")) return read_jpeg_radiograph(path, presentation);
    if (begins_with(head, 128, "DICM")) return read_dicom_radiograph(path, presentation);
  } catch (const Error&) {
    throw;
  } catch (const std::bad_alloc&) {
    detail::unreadable(path, "there is not enough memory for it");
  } catch (const std::exception& error) {
    detail::unreadable(path, error.what());
  }
  detail::unreadable(path, "is neither DICOM, PNG, JPEG nor .npy");
}

Radiograph read_radiograph(const std::string& path, Presentation presentation) {
  return read_stored(path, presentation).present();
}

ImageView StoredRadiograph::view() const {
  const auto of = [this](const auto& values, PixelType type) {
    return ImageView::dense(values.data(), type, height, width);
  };
  if (const auto* bytes = std::get_if<std::vector<std::uint8_t>>(&stored)) return of(*bytes, PixelType::uint8);
  if (const auto* words = std::get_if<std::vector<std::uint16_t>>(&stored)) return of(*words, PixelType::uint16);
  return of(std::get<std::vector<float>>(stored), PixelType::float32);
}

Radiograph StoredRadiograph::present() const {
  Radiograph radiograph{height, width, {}, notes};
  std::visit(
      [&](const auto& values) {
        if constexpr (std::is_same_v<decltype(values), const std::vector<float>&>) {
          radiograph.pixels = values;
        } else {
          radiograph.pixels.resize(values.size());
          std::ranges::transform(values, radiograph.pixels.begin(), [this](auto value) { return table[value]; });
        }
      },
      stored);
  return radiograph;
}

std::vector<FileFormat> file_formats() {
  return {format("npy", true, "", ""), png_format(), jpeg_format(), dicom_format()};
}

}  // namespace egaze
