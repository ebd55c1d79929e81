// PNG radiographs, through libpng.
#if EGAZE_HAVE_PNG

#include <png.h>

#include <algorithm>
#include <csetjmp>
#include <cstring>

#include "decoders.hpp"

namespace egaze::detail {
namespace {

constexpr png_uint_32 kMaxSidePx = 1 << 24;
// Deflate expands one byte to at most 1,032: a file that claims more pixels is damaged or malicious.
constexpr std::uint64_t kMaxInflation = 1032;

// The state that libpng's C code uses. It reports errors by longjmp, so no object with a destructor may be created
// while it runs: the vectors live here and are resized between the calls.
struct Decoder {
  std::span<const unsigned char> bytes;
  std::size_t at = 0;
  char message[160] = {};
  png_structp png = nullptr;
  png_infop info = nullptr;
  png_uint_32 height = 0, width = 0;
  int channels = 0;
  bool sixteen_bits = false;
  std::vector<unsigned char> pixels;
  std::vector<png_bytep> rows;

  ~Decoder() { png_destroy_read_struct(&png, &info, nullptr); }
};

void on_error(png_structp png, png_const_charp message) {
  auto* decoder = static_cast<Decoder*>(png_get_error_ptr(png));
  std::strncpy(decoder->message, message, sizeof(decoder->message) - 1);
  png_longjmp(png, 1);
}

void on_warning(png_structp, png_const_charp) {}

void on_read(png_structp png, png_bytep out, std::size_t count) {
  auto* decoder = static_cast<Decoder*>(png_get_io_ptr(png));
  if (count > decoder->bytes.size() - decoder->at) png_error(png, "the file is truncated");
  std::memcpy(out, decoder->bytes.data() + decoder->at, count);
  decoder->at += count;
}

bool read_header(Decoder& decoder) {
  png_structp png = decoder.png;
  if (setjmp(png_jmpbuf(png))) return false;
  png_set_user_limits(png, kMaxSidePx, kMaxSidePx);
  png_set_read_fn(png, &decoder, on_read);
  png_read_info(png, decoder.info);
  decoder.height = png_get_image_height(png, decoder.info);
  decoder.width = png_get_image_width(png, decoder.info);
  const int colour = png_get_color_type(png, decoder.info);
  const int bits = png_get_bit_depth(png, decoder.info);
  if (colour == PNG_COLOR_TYPE_PALETTE) png_set_palette_to_rgb(png);
  if (colour == PNG_COLOR_TYPE_GRAY && bits < 8) png_set_expand_gray_1_2_4_to_8(png);
  // As in Python, only greyscale without alpha keeps 16 bits.
  decoder.sixteen_bits = bits == 16 && colour == PNG_COLOR_TYPE_GRAY;
  if (bits == 16 && !decoder.sixteen_bits) png_set_strip_16(png);
  if (decoder.sixteen_bits) png_set_swap(png);
  // By now a palette with transparent colours has become RGB with an alpha channel.
  png_set_strip_alpha(png);
  png_set_interlace_handling(png);
  png_read_update_info(png, decoder.info);
  decoder.channels = png_get_channels(png, decoder.info);
  return true;
}

bool read_pixels(Decoder& decoder) {
  if (setjmp(png_jmpbuf(decoder.png))) return false;
  png_read_image(decoder.png, decoder.rows.data());
  png_read_end(decoder.png, nullptr);
  return true;
}

}  // namespace

WordRadiograph read_png(const std::string& path, std::span<const unsigned char> bytes) {
  Decoder decoder;
  decoder.bytes = bytes;
  decoder.png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &decoder, on_error, on_warning);
  decoder.info = decoder.png == nullptr ? nullptr : png_create_info_struct(decoder.png);
  if (decoder.info == nullptr) unreadable(path, "libpng cannot be started");
  if (!read_header(decoder)) unreadable(path, std::string("damaged PNG: ") + decoder.message);
  check_pixel_count(path, decoder.height, decoder.width);
  if (decoder.channels != 1 && decoder.channels != 3) {
    unreadable(path, "is PNG of " + std::to_string(decoder.channels) + " channels, expected grey or colours");
  }

  const std::size_t row_bytes = png_get_rowbytes(decoder.png, decoder.info);
  const std::uint64_t total_bytes = std::uint64_t{row_bytes} * decoder.height;
  // Expanding 1-bit palette indices to 8 bits of 3 colours multiplies the size by another 24.
  if (total_bytes / 24 > kMaxInflation * bytes.size()) {
    unreadable(path, "damaged PNG: " + std::to_string(bytes.size()) + " bytes cannot hold " +
                         std::to_string(decoder.height) + "x" + std::to_string(decoder.width) + " pixels");
  }
  decoder.pixels.resize(total_bytes);
  for (std::size_t y = 0; y < decoder.height; ++y) decoder.rows.push_back(decoder.pixels.data() + y * row_bytes);
  if (!read_pixels(decoder)) unreadable(path, std::string("damaged PNG: ") + decoder.message);

  WordRadiograph radiograph{decoder.height, decoder.width, {}, {decoder.sixteen_bits ? 16u : 8u}};
  const std::size_t count = radiograph.height * radiograph.width;
  if (decoder.sixteen_bits) {
    std::vector<std::uint16_t> values(count);
    std::memcpy(values.data(), decoder.pixels.data(), 2 * count);
    radiograph.words = std::move(values);
  } else if (decoder.channels == 1) {
    radiograph.words = std::vector<std::uint8_t>(decoder.pixels.begin(), decoder.pixels.end());
  } else {
    std::vector<std::uint8_t> values(count);
    const unsigned char* pixel = decoder.pixels.data();
    for (std::size_t i = 0; i < count; ++i, pixel += 3) values[i] = luma(pixel[0], pixel[1], pixel[2]);
    radiograph.words = std::move(values);
  }
  return radiograph;
}

}  // namespace egaze::detail

#endif
