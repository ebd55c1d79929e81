#include <bit>
#include <charconv>
#include <cstring>
#include <string_view>

#include "grayscale.hpp"
#include "decoders.hpp"

static_assert(std::endian::native == std::endian::little, "arrays are read in the machine's byte order");

namespace egaze::detail {
namespace {

constexpr std::size_t kMaxHeaderBytes = 1 << 16;

struct Header {
  std::string_view descr;
  bool fortran_order = false;
  std::uint64_t height = 0;
  std::uint64_t width = 0;
};

// Parses the header, a Python dictionary such as {'descr': '|u1', 'fortran_order': False, 'shape': (2, 3), }.
class HeaderParser {
 public:
  HeaderParser(const std::string& path, std::string_view text) : path_(path), text_(text) {}

  Header parse() {
    Header header;
    expect('{');
    int seen = 0;
    while (!accept('}')) {
      const std::string_view key = quoted();
      expect(':');
      if (key == "descr" && !(seen & 1)) {
        header.descr = quoted();
        seen |= 1;
      } else if (key == "fortran_order" && !(seen & 2)) {
        header.fortran_order = truth();
        seen |= 2;
      } else if (key == "shape" && !(seen & 4)) {
        expect('(');
        header.height = number();
        expect(',');
        header.width = number();
        accept(',');
        expect(')');
        seen |= 4;
      } else {
        fail();
      }
      if (!accept(',')) {
        expect('}');
        break;
      }
    }
    skip_space();
    if (seen != 7 || !text_.empty()) fail();
    return header;
  }

 private:
  [[noreturn]] void fail() const { unreadable(path_, "is no .npy array of shape (H, W)"); }

  void skip_space() {
    const std::size_t begin = text_.find_first_not_of(" \n");
    text_.remove_prefix(begin == std::string_view::npos ? text_.size() : begin);
  }

  bool accept(char c) {
    skip_space();
    if (text_.empty() || text_.front() != c) return false;
    text_.remove_prefix(1);
    return true;
  }

  void expect(char c) {
    if (!accept(c)) fail();
  }

  std::string_view quoted() {
    const char quote = accept('\'') ? '\'' : (expect('"'), '"');
    const std::size_t end = text_.find(quote);
    if (end == std::string_view::npos) fail();
    const std::string_view inside = text_.substr(0, end);
    text_.remove_prefix(end + 1);
    return inside;
  }

  bool truth() {
    skip_space();
    for (const std::string_view word : {"True", "False"}) {
      if (!text_.starts_with(word)) continue;
      text_.remove_prefix(word.size());
      return word == "True";
    }
    fail();
  }

  std::uint64_t number() {
    skip_space();
    std::uint64_t value = 0;
    const auto result = std::from_chars(text_.data(), text_.data() + text_.size(), value);
    if (result.ec != std::errc()) fail();
    text_.remove_prefix(static_cast<std::size_t>(result.ptr - text_.data()));
    return value;
  }

  const std::string& path_;
  std::string_view text_;
};

// The array's values, row by row.
template <class T>
std::vector<T> values_of(const Header& header, const unsigned char* data) {
  const auto height = static_cast<std::size_t>(header.height), width = static_cast<std::size_t>(header.width);
  std::vector<T> values(height * width);
  std::memcpy(values.data(), data, values.size() * sizeof(T));
  if (!header.fortran_order) return values;
  std::vector<T> rows(values.size());
  for (std::size_t y = 0; y < height; ++y) {
    for (std::size_t x = 0; x < width; ++x) rows[y * width + x] = values[x * height + y];
  }
  return rows;
}

StoredRadiograph read_floats(const std::string& path, const Header& header, const unsigned char* data,
                             Presentation presentation) {
  if (presentation != Presentation::voi) {
    unreadable(path, "a float32 radiograph is already presented: only \"voi\" can be applied to it");
  }
  std::vector<float> pixels = values_of<float>(header, data);
  for (const float value : pixels) {
    // The condition also fails for NaN.
    if (!(value >= 0.0f && value <= 1.0f)) {
      unreadable(path, "float32 pixels must lie in [0, 1], got " + std::to_string(value));
    }
  }
  return {header.height, header.width, std::move(pixels), {}, {}};
}

}  // namespace

StoredRadiograph read_npy(const std::string& path, std::span<const unsigned char> bytes, Presentation presentation) {
  // "\x93NUMPY", version, header length (2 bytes in version 1, 4 in version 2), header, values.
  const std::size_t major = bytes.size() > 6 ? bytes[6] : 0;
  const std::size_t prefix = major == 1 ? 10 : 12;
  if (major != 1 && major != 2) unreadable(path, "is .npy of version " + std::to_string(major) + ", expected 1 or 2");
  if (bytes.size() < prefix) unreadable(path, "is truncated");
  std::size_t header_bytes = 0;
  for (std::size_t i = prefix; i-- > 8;) header_bytes = header_bytes << 8 | bytes[i];
  if (header_bytes > kMaxHeaderBytes) unreadable(path, "has a header of " + std::to_string(header_bytes) + " bytes");
  if (bytes.size() - prefix < header_bytes) unreadable(path, "is truncated");
  const Header header =
      HeaderParser(path, {reinterpret_cast<const char*>(bytes.data()) + prefix, header_bytes}).parse();

  const std::size_t pixel_bytes = header.descr == "|u1" ? 1 : header.descr == "<u2" ? 2 : header.descr == "<f4" ? 4 : 0;
  if (pixel_bytes == 0) {
    unreadable(path, "a radiograph is uint8, uint16 or float32 (|u1, <u2, <f4), got " + std::string(header.descr));
  }
  check_pixel_count(path, header.height, header.width);
  const std::span<const unsigned char> data = bytes.subspan(prefix + header_bytes);
  const std::uint64_t data_bytes = header.height * header.width * pixel_bytes;
  if (data.size() < data_bytes) {
    unreadable(path, "is truncated: " + std::to_string(data.size()) + " of " + std::to_string(data_bytes) +
                         " bytes of pixels");
  }
  if (pixel_bytes == 4) return read_floats(path, header, data.data(), presentation);
  WordRadiograph radiograph{header.height, header.width, {}, {pixel_bytes == 1 ? 8u : 16u}};
  if (pixel_bytes == 1) {
    radiograph.words = values_of<std::uint8_t>(header, data.data());
  } else {
    radiograph.words = values_of<std::uint16_t>(header, data.data());
  }
  return present_plain(std::move(radiograph), presentation);
}

}  // namespace egaze::detail
