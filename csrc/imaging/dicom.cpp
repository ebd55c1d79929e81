// DICOM radiographs, through DCMTK.
#if EGAZE_HAVE_DCMTK

#include "dicom_radiograph.hpp"

#include <dcmtk/dcmjpeg/djdecode.h>
#include <dcmtk/dcmjpls/djdecode.h>

#include <algorithm>
#include <mutex>

#include "dcmtk_log.hpp"
#include "decoders.hpp"

namespace egaze::detail {
namespace {

void register_codecs_once() {
  static std::once_flag once;
  std::call_once(once, [] {
    DJDecoderRegistration::registerCodecs();
    DJLSDecoderRegistration::registerCodecs();
  });
}

}  // namespace

DicomRadiograph::DicomRadiograph(const std::string& path) : DicomElements(path) {
  implicit_vr_ = DcmXfer(dataset().getOriginalXfer()).isImplicitVR();
  height_ = uint16(DCM_Rows);
  width_ = uint16(DCM_Columns);
  check_pixel_count(path, height_, width_);
  if (const double frames = decimal(dataset(), DCM_NumberOfFrames).value_or(1.0);
      frames != 0.0 && frames != 1.0) {  // some radiographs of one frame say 0; the number of pixels is checked later
    fail(std::to_string(static_cast<long long>(std::clamp(frames, -1e15, 1e15))) + " frames, expected one radiograph");
  }
  const std::string photometric = code(dataset(), DCM_PhotometricInterpretation);
  monochrome1_ = photometric == "MONOCHROME1";
  if (!monochrome1_ && photometric != "MONOCHROME2") {
    fail("photometric interpretation '" + photometric + "', expected MONOCHROME1 or MONOCHROME2");
  }
  if (uint16(DCM_SamplesPerPixel) != 1) fail("several samples a pixel, expected one");
  const unsigned representation = uint16(DCM_PixelRepresentation);
  if (representation > 1) fail("Pixel Representation is " + std::to_string(representation) + ", expected 0 or 1");
  signed_ = representation == 1;
}

WordLayout DicomRadiograph::word_layout() {
  const unsigned allocated = uint16(DCM_BitsAllocated), bits = uint16(DCM_BitsStored);
  const unsigned high_bit = uint16(DCM_HighBit);
  if ((allocated != 8 && allocated != 16) || bits < 1 || bits > high_bit + 1 || high_bit + 1 > allocated) {
    fail(std::to_string(bits) + " of " + std::to_string(allocated) + " bits stored up to bit " +
         std::to_string(high_bit) + ", expected words of 8 or 16 bits");
  }
  return {allocated, bits, high_bit, signed_};
}

StoredRadiograph read_dicom(const std::string& path, Presentation presentation) {
  const QuietDcmtk quiet;
  register_codecs_once();
  check_file_bytes(path);
  DicomRadiograph radiograph(path);
  DicomGrayscale grayscale =
      presentation == Presentation::raw_max ? DicomGrayscale{} : radiograph.grayscale(presentation);
  WordRadiograph words = radiograph.words();
  grayscale.notes = radiograph.notes();
  return present_dicom(std::move(words), grayscale, presentation);
}

}  // namespace egaze::detail

#endif
