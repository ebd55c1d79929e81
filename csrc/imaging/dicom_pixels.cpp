// The pixels of a DICOM radiograph, decoded by DCMTK, or for RLE by run_length.cpp.
#if EGAZE_HAVE_DCMTK

#include "dicom_radiograph.hpp"

#include <dcmtk/dcmdata/dccodec.h>
#include <dcmtk/dcmdata/dcpixseq.h>
#include <dcmtk/dcmdata/dcpxitem.h>

#include "codestream.hpp"
#include "dcmtk_log.hpp"
#include "run_length.hpp"

namespace egaze::detail {

template <class Word>
WordRadiograph DicomRadiograph::radiograph_of(const Word* words, std::size_t count, const WordLayout& layout) const {
  const std::size_t pixels = height_ * width_;
  if (words == nullptr || count < pixels) {
    fail("truncated: " + std::to_string(words == nullptr ? 0 : count) + " of " + std::to_string(pixels) + " pixels");
  }
  return {height_, width_, std::vector<Word>(words, words + pixels), layout};
}

WordRadiograph DicomRadiograph::words() {
  const DcmXfer syntax(dataset().getOriginalXfer());
  DcmElement* native = nullptr;
  if (dataset().findAndGetElement(DCM_PixelData, native).bad()) fail("holds no pixels");
  const std::size_t due = height_ * width_ * ((uint16(DCM_BitsAllocated) + 7u) / 8u);
  if (!syntax.isEncapsulated() && (native->getLength() < due || native->getLength() >= 2 * due + due % 2)) {
    fail("Pixel Data holds " + std::to_string(native->getLength()) + " bytes for " + std::to_string(height_) + "x" +
         std::to_string(width_) + " pixels (" + std::to_string(due) + " bytes)");
  }
  if (!syntax.isEncapsulated() && native->getLength() > due + due % 2) {
    notes_.push_back(std::to_string(native->getLength() - due) + " bytes of Pixel Data behind the last pixel ignored");
  }
  const bool bits_may_lie_anywhere = !syntax.isEncapsulated() || syntax.getXfer() == EXS_RLELossless;
  if (!bits_may_lie_anywhere && uint16(DCM_HighBit) + 1 != uint16(DCM_BitsStored)) {
    fail(std::to_string(uint16(DCM_BitsStored)) + " bits stored up to bit " + std::to_string(uint16(DCM_HighBit)) +
         ", which " + syntax.getXferName() + " excludes");
  }
  if (syntax.getXfer() == EXS_RLELossless) return run_length_words(syntax);
  if (syntax.isEncapsulated() && !DcmCodecList::canChangeCoding(syntax.getXfer(), EXS_LittleEndianExplicit)) {
    fail(
        std::string(syntax.getXferName()) +
        " is not supported: DCMTK has no decoder for it; decode the radiograph first, for example with gdcmconv --raw");
  }
  if (syntax.isEncapsulated()) check_codestream(syntax);
  const OFCondition decoded = decode(syntax);
  if (decoded.bad() || !dataset().canWriteXfer(EXS_LittleEndianExplicit)) {
    fail(std::string("cannot decode ") + syntax.getXferName() + ": " + decoded.text());
  }
  // The decoder may have changed the number of bits.
  const WordLayout layout = word_layout();
  if (layout.allocated == 8) {
    const Uint8* values = nullptr;
    unsigned long count = 0;
    const OFCondition got = dataset().findAndGetUint8Array(DCM_PixelData, values, &count);
    return radiograph_of(got.good() ? values : nullptr, count, layout);
  }
  const Uint16* values = nullptr;
  unsigned long count = 0;
  const OFCondition got = dataset().findAndGetUint16Array(DCM_PixelData, values, &count);
  return radiograph_of(got.good() ? values : nullptr, count, layout);
}

OFCondition DicomRadiograph::decode(const DcmXfer& syntax) {
  jpeg_damage().clear();
  const OFCondition decoded = dataset().chooseRepresentation(EXS_LittleEndianExplicit, nullptr);
  if (!jpeg_damage().empty()) fail("damaged JPEG: " + jpeg_damage());
  const bool jpeg_ls = syntax.getXfer() == EXS_JPEGLSLossless || syntax.getXfer() == EXS_JPEGLSLossy;
  if (decoded.good() || !jpeg_ls || uint16(DCM_BitsAllocated) != 16 || uint16(DCM_BitsStored) > 8) return decoded;
  // DCMTK decodes JPEG-LS of up to 8 bits only if 8 bits are allocated.
  dataset().putAndInsertUint16(DCM_BitsAllocated, 8);
  return dataset().chooseRepresentation(EXS_LittleEndianExplicit, nullptr).good() ? OFCondition(EC_Normal) : decoded;
}

std::vector<std::uint8_t> DicomRadiograph::coded_frame(const DcmXfer& syntax) {
  DcmElement* element = nullptr;
  DcmPixelSequence* fragments = nullptr;
  dataset().findAndGetElement(DCM_PixelData, element);
  auto* pixels = dynamic_cast<DcmPixelData*>(element);
  if (pixels == nullptr || pixels->getEncapsulatedRepresentation(syntax.getXfer(), nullptr, fragments).bad() ||
      fragments == nullptr) {
    fail(std::string("Pixel Data of ") + syntax.getXferName() + " is not in fragments");
  }
  std::vector<std::uint8_t> frame;
  for (unsigned long i = 0; i < fragments->card(); ++i) {
    DcmPixelItem* fragment = nullptr;
    Uint8* value = nullptr;
    if (fragments->getItem(fragment, i).bad()) fail("damaged Pixel Data");
    if (i == 0) {  // the offset table
      const unsigned long frames = fragment->getLength() / 4;
      if (frames > 1) fail("Pixel Data has an offset table of " + std::to_string(frames) + " frames, expected one");
      continue;
    }
    if (fragment->getUint8Array(value).bad()) fail("damaged Pixel Data");
    if (value != nullptr) frame.insert(frame.end(), value, value + fragment->getLength());
  }
  return frame;
}

void DicomRadiograph::check_codestream(const DcmXfer& syntax) {
  const JpegFrame coded = jpeg_frame(coded_frame(syntax));
  const unsigned allocated = uint16(DCM_BitsAllocated);
  if (coded.height != height_ || coded.width != width_ || coded.components != 1 || coded.bits > allocated) {
    fail(std::string(syntax.getXferName()) + " of " + std::to_string(coded.height) + "x" + std::to_string(coded.width) +
         " pixels, " + std::to_string(coded.components) + " samples of " + std::to_string(coded.bits) +
         " bits, expected " + std::to_string(height_) + "x" + std::to_string(width_) + ", one of at most " +
         std::to_string(allocated));
  }
  const bool lossy = syntax.getXfer() == EXS_JPEGProcess1 || syntax.getXfer() == EXS_JPEGProcess2_4;
  if (lossy && coded.bits == 8 && uint16(DCM_BitsStored) > 8) {  // whether values were scaled down is unknown
    fail(std::string(syntax.getXferName()) + " of 8 bits, expected the " + std::to_string(uint16(DCM_BitsStored)) +
         " that are stored");
  }
}

WordRadiograph DicomRadiograph::run_length_words(const DcmXfer& syntax) {
  const WordLayout layout = word_layout();
  const std::vector<std::uint8_t> frame = coded_frame(syntax);
  const std::size_t count = height_ * width_;
  std::vector<std::uint8_t> decoded = decode_run_length(frame, count, layout.allocated / 8);
  if (layout.allocated == 8) return {height_, width_, std::move(decoded), layout};
  std::vector<std::uint16_t> words(count);
  for (std::size_t i = 0; i < count; ++i) {
    words[i] = static_cast<std::uint16_t>(decoded[2 * i] | decoded[2 * i + 1] << 8);
  }
  return {height_, width_, std::move(words), layout};
}

}  // namespace egaze::detail

#endif
