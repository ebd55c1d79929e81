// JPEG radiographs, through libjpeg or libjpeg-turbo.
#if EGAZE_HAVE_JPEG

#include <cstdio>  // jpeglib.h needs it before

#include <jpeglib.h>
#include <jerror.h>

#include <algorithm>
#include <csetjmp>

#include "codestream.hpp"
#include "decoders.hpp"

namespace egaze::detail {
namespace {

// A block of 64 pixels takes about one bit at least, or less with arithmetic coding: a file that claims more pixels per
// byte is damaged or malicious.
constexpr std::uint64_t kMaxPixelsPerByte = 4096;

// The state that libjpeg's C code uses. It reports errors by longjmp, so no object with a destructor may be created
// while it runs: the vectors live here and are resized between the calls.
struct Decoder {
  jpeg_decompress_struct jpeg{};
  jpeg_error_mgr errors{};
  std::jmp_buf on_error;
  char message[JMSG_LENGTH_MAX] = {};
  std::vector<unsigned char> line;
  std::vector<std::uint8_t> values;

  ~Decoder() { jpeg_destroy_decompress(&jpeg); }
};

void leave(j_common_ptr jpeg) {
  auto* decoder = static_cast<Decoder*>(jpeg->client_data);
  jpeg->err->format_message(jpeg, decoder->message);
  std::longjmp(decoder->on_error, 1);
}

// libjpeg only warns of truncated and damaged data and invents the missing pixels, so such warnings become errors.
void on_message(j_common_ptr jpeg, int level) {
  const int code = jpeg->err->msg_code;
  const bool damaged = code == JWRN_JPEG_EOF || code == JWRN_HIT_MARKER || code == JWRN_HUFF_BAD_CODE ||
                       code == JWRN_MUST_RESYNC || code == JWRN_ARITH_BAD_CODE;
  if (level < 0 && damaged) leave(jpeg);
}

void no_output(j_common_ptr) {}

bool read_header(Decoder& decoder, std::span<const unsigned char> bytes) {
  if (setjmp(decoder.on_error)) return false;
  jpeg_create_decompress(&decoder.jpeg);
  // Older releases of libjpeg take a pointer to mutable bytes but do not change them.
  jpeg_mem_src(&decoder.jpeg, const_cast<unsigned char*>(bytes.data()), static_cast<unsigned long>(bytes.size()));
  jpeg_read_header(&decoder.jpeg, TRUE);
  return true;
}

bool read_pixels(Decoder& decoder) {
  if (setjmp(decoder.on_error)) return false;
  jpeg_decompress_struct& jpeg = decoder.jpeg;
  jpeg_start_decompress(&jpeg);
  const std::size_t width = jpeg.output_width;
  while (jpeg.output_scanline < jpeg.output_height) {
    std::uint8_t* out = decoder.values.data() + jpeg.output_scanline * width;
    JSAMPROW row = jpeg.output_components == 1 ? out : decoder.line.data();
    jpeg_read_scanlines(&jpeg, &row, 1);
    if (jpeg.output_components == 1) continue;
    for (std::size_t x = 0; x < width; ++x) out[x] = luma(row[3 * x], row[3 * x + 1], row[3 * x + 2]);
  }
  jpeg_finish_decompress(&jpeg);
  return true;
}

}  // namespace

WordRadiograph read_jpeg(const std::string& path, std::span<const unsigned char> bytes) {
  jpeg_frame(bytes);  // libjpeg accepts codestreams that this refuses
  Decoder decoder;
  decoder.jpeg.err = jpeg_std_error(&decoder.errors);
  decoder.jpeg.client_data = &decoder;
  decoder.errors.error_exit = leave;
  decoder.errors.emit_message = on_message;
  decoder.errors.output_message = no_output;
  if (!read_header(decoder, bytes)) unreadable(path, std::string("damaged JPEG: ") + decoder.message);

  jpeg_decompress_struct& jpeg = decoder.jpeg;
  check_pixel_count(path, jpeg.image_height, jpeg.image_width);
  if (std::uint64_t{jpeg.image_height} * jpeg.image_width > kMaxPixelsPerByte * bytes.size()) {
    unreadable(path, "damaged JPEG: " + std::to_string(bytes.size()) + " bytes cannot hold " +
                         std::to_string(jpeg.image_height) + "x" + std::to_string(jpeg.image_width) + " pixels");
  }
  if (jpeg.num_components != 1 && jpeg.num_components != 3) {
    unreadable(path, "is JPEG of " + std::to_string(jpeg.num_components) + " colours, expected grey or RGB");
  }
  jpeg.out_color_space = jpeg.num_components == 1 ? JCS_GRAYSCALE : JCS_RGB;
  decoder.values.resize(std::size_t{jpeg.image_height} * jpeg.image_width);
  decoder.line.resize(std::size_t{3} * jpeg.image_width);
  if (!read_pixels(decoder)) unreadable(path, std::string("damaged JPEG: ") + decoder.message);
  return {jpeg.image_height, jpeg.image_width, std::move(decoder.values), {8}};
}

}  // namespace egaze::detail

#endif
