// DICOM films, through DCMTK. Sections are those of DICOM PS3.3.
#if EGAZE_HAVE_DCMTK

#include <dcmtk/config/osconfig.h>  // DCMTK's headers need it before

#include <dcmtk/dcmdata/dccodec.h>
#include <dcmtk/dcmdata/dcpixseq.h>
#include <dcmtk/dcmdata/dcpxitem.h>
#include <dcmtk/dcmdata/dctk.h>
#include <dcmtk/dcmjpeg/djdecode.h>
#include <dcmtk/dcmjpls/djdecode.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <mutex>
#include <tuple>

#include "codestream.hpp"
#include "dcmtk_log.hpp"
#include "dicom_elements.hpp"
#include "grayscale.hpp"
#include "readers.hpp"
#include "run_length.hpp"

namespace egaze::detail {
namespace {

void register_codecs_once() {
  static std::once_flag once;
  std::call_once(once, [] {
    DJDecoderRegistration::registerCodecs();
    DJLSDecoderRegistration::registerCodecs();
  });
}

class Film : private DicomElements {
 public:
  explicit Film(const std::string& path) : DicomElements(path) {
    implicit_vr_ = DcmXfer(dataset().getOriginalXfer()).isImplicitVR();
    height_ = uint16(DCM_Rows);
    width_ = uint16(DCM_Columns);
    check_pixel_count(path, height_, width_);
    if (const double frames = decimal(dataset(), DCM_NumberOfFrames).value_or(1.0);
        frames != 0.0 && frames != 1.0) {  // 0 is met in films of one frame; the length of the pixels is checked
      fail(std::to_string(static_cast<long long>(std::clamp(frames, -1e15, 1e15))) + " frames, expected one film");
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

  WordFilm words() {
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
      fail(std::string(syntax.getXferName()) +
           " is not supported: DCMTK has no decoder for it; decode the film first, for example with gdcmconv --raw");
    }
    if (syntax.isEncapsulated()) check_codestream(syntax);
    const OFCondition decoded = decode(syntax);
    if (decoded.bad() || !dataset().canWriteXfer(EXS_LittleEndianExplicit)) {
      fail(std::string("cannot decode ") + syntax.getXferName() + ": " + decoded.text());
    }
    // The decoder may have changed how many bits a value takes.
    const WordLayout layout = word_layout();
    if (layout.allocated == 8) {
      const Uint8* values = nullptr;
      unsigned long count = 0;
      const OFCondition got = dataset().findAndGetUint8Array(DCM_PixelData, values, &count);
      return film_of(got.good() ? values : nullptr, count, layout);
    }
    const Uint16* values = nullptr;
    unsigned long count = 0;
    const OFCondition got = dataset().findAndGetUint16Array(DCM_PixelData, values, &count);
    return film_of(got.good() ? values : nullptr, count, layout);
  }

  DicomGrayscale grayscale(Presentation presentation) {
    DicomGrayscale grayscale;
    grayscale.monochrome1 = monochrome1_;
    modality(grayscale);
    if (presentation == Presentation::voi) voi(grayscale);
    presentation_lut_shape();
    if (const std::optional<int> padding = stored_value(DCM_PixelPaddingValue)) {
      grayscale.padding = std::minmax(*padding, stored_value(DCM_PixelPaddingRangeLimit).value_or(int{*padding}));
    }
    return grayscale;
  }

  // What the file says that was not taken at its word, in Python's words.
  const std::vector<std::string>& notes() const { return notes_; }

 private:
  // The Modality LUT, or else Rescale.
  void modality(DicomGrayscale& grayscale) {
    const std::vector<DcmItem*> rescales = places(DCM_PixelValueTransformationSequence);
    if (DcmItem* item = first_item(dataset(), DCM_ModalityLUTSequence)) {
      if (std::ranges::any_of(rescales, [](DcmItem* place) { return find(*place, DCM_RescaleSlope) != nullptr; })) {
        notes_.push_back("Rescale Slope ignored beside a Modality LUT");
      }
      grayscale.modality_lut = lookup_table(*item, "Modality LUT", measured_range(grayscale), false);
      return;
    }
    std::vector<std::pair<double, double>> found;
    for (DcmItem* place : rescales) {
      const auto rescale =
          both(*place, {DCM_RescaleSlope, "Rescale Slope"}, {DCM_RescaleIntercept, "Rescale Intercept"});
      if (rescale) found.push_back(*rescale);
    }
    if (found.empty()) return;
    if (std::ranges::any_of(found, [&](const auto& rescale) { return rescale != found.front(); })) {
      notes_.push_back("Rescale Slope and Intercept that differ from the functional group's ignored");
    }
    if (found.front().first == 0.0) {  // which is met, and would make all values one
      notes_.push_back("Rescale Slope 0 ignored");
      return;
    }
    std::tie(grayscale.rescale_slope, grayscale.rescale_intercept) = found.front();
  }

  // The film's first VOI transform.
  void voi(DicomGrayscale& grayscale) {
    for (DcmItem* place : places(DCM_FrameVOILUTSequence)) {
      if (DcmItem* item = first_item(*place, DCM_VOILUTSequence)) {
        grayscale.voi_lut = lookup_table(*item, "VOI LUT", measured_range(grayscale), true);
        return;
      }
      if ((grayscale.window = window(*place))) return;
    }
  }

  // It repeats what Photometric Interpretation says (C.8.11.3). Where it does not, it is not followed: radiographs are
  // known in which it is wrong.
  void presentation_lut_shape() {
    std::string shape = first_text(dataset(), DCM_PresentationLUTShape);
    to_upper(shape);
    if (shape.empty() || shape == (monochrome1_ ? "INVERSE" : "IDENTITY")) return;
    if (shape != "INVERSE" && shape != "IDENTITY" && shape != "LIN OD") shape = "of an unknown kind";
    notes_.push_back("Presentation LUT Shape " + shape + " ignored beside " +
                     (monochrome1_ ? "MONOCHROME1" : "MONOCHROME2"));
  }

  struct Named {
    DcmTagKey tag;
    std::string name;
  };

  // Two numbers that only count together.
  std::optional<std::pair<double, double>> both(DcmItem& item, const Named& one, const Named& other) {
    const std::optional<double> first = decimal(item, one.tag), second = decimal(item, other.tag);
    if (first && second) return std::pair(*first, *second);
    if (first) notes_.push_back(one.name + " without " + other.name + " ignored");
    if (second) notes_.push_back(other.name + " without " + one.name + " ignored");
    return std::nullopt;
  }

  WordLayout word_layout() {
    const unsigned allocated = uint16(DCM_BitsAllocated), bits = uint16(DCM_BitsStored);
    const unsigned high_bit = uint16(DCM_HighBit);
    if ((allocated != 8 && allocated != 16) || bits < 1 || bits > high_bit + 1 || high_bit + 1 > allocated) {
      fail(std::to_string(bits) + " of " + std::to_string(allocated) + " bits stored up to bit " +
           std::to_string(high_bit) + ", expected words of 8 or 16 bits");
    }
    return {allocated, bits, high_bit, signed_};
  }

  OFCondition decode(const DcmXfer& syntax) {
    jpeg_damage().clear();
    const OFCondition decoded = dataset().chooseRepresentation(EXS_LittleEndianExplicit, nullptr);
    if (!jpeg_damage().empty()) fail("damaged JPEG: " + jpeg_damage());
    const bool jpeg_ls = syntax.getXfer() == EXS_JPEGLSLossless || syntax.getXfer() == EXS_JPEGLSLossy;
    if (decoded.good() || !jpeg_ls || uint16(DCM_BitsAllocated) != 16 || uint16(DCM_BitsStored) > 8) return decoded;
    // DCMTK takes JPEG-LS of up to 8 bits for bytes only.
    dataset().putAndInsertUint16(DCM_BitsAllocated, 8);
    return dataset().chooseRepresentation(EXS_LittleEndianExplicit, nullptr).good() ? OFCondition(EC_Normal) : decoded;
  }

  // The coded frame, whose fragments may be cut anywhere.
  std::vector<std::uint8_t> coded_frame(const DcmXfer& syntax) {
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

  // DCMTK's decoders do not compare what the codestream holds with what the header says.
  void check_codestream(const DcmXfer& syntax) {
    const JpegFrame coded = jpeg_frame(coded_frame(syntax));
    const unsigned allocated = uint16(DCM_BitsAllocated);
    if (coded.height != height_ || coded.width != width_ || coded.components != 1 || coded.bits > allocated) {
      fail(std::string(syntax.getXferName()) + " of " + std::to_string(coded.height) + "x" +
           std::to_string(coded.width) + " pixels, " + std::to_string(coded.components) + " samples of " +
           std::to_string(coded.bits) + " bits, expected " + std::to_string(height_) + "x" + std::to_string(width_) +
           ", one of at most " + std::to_string(allocated));
    }
    const bool lossy = syntax.getXfer() == EXS_JPEGProcess1 || syntax.getXfer() == EXS_JPEGProcess2_4;
    if (lossy && coded.bits == 8 && uint16(DCM_BitsStored) > 8) {  // whether they were scaled down nobody says
      fail(std::string(syntax.getXferName()) + " of 8 bits, expected the " + std::to_string(uint16(DCM_BitsStored)) +
           " that are stored");
    }
  }

  WordFilm run_length_words(const DcmXfer& syntax) {
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

  template <class Word>
  WordFilm film_of(const Word* words, std::size_t count, const WordLayout& layout) const {
    const std::size_t pixels = height_ * width_;
    if (words == nullptr || count < pixels) {
      fail("truncated: " + std::to_string(words == nullptr ? 0 : count) + " of " + std::to_string(pixels) + " pixels");
    }
    return {height_, width_, std::vector<Word>(words, words + pixels), layout};
  }

  // An element of one word that is a stored value, signed as these are.
  std::optional<int> stored_value(const DcmTagKey& tag) {
    DcmElement* element = find(dataset(), tag);
    if (element == nullptr) return std::nullopt;
    return as_number(only_word(*element), signed_);
  }

  static int as_number(unsigned word, bool is_signed) {
    return is_signed ? static_cast<std::int16_t>(word) : static_cast<int>(word);
  }

  // The least and greatest of what Modality LUT or Rescale make of the values that the bits stored can hold.
  std::pair<double, double> measured_range(const DicomGrayscale& grayscale) {
    const WordLayout layout = word_layout();
    double low = std::numeric_limits<double>::infinity(), high = -low;
    for (unsigned word = 0; word < 1u << layout.allocated; ++word) {
      const double value = measured(grayscale, layout.value(word));
      low = std::min(low, value);
      high = std::max(high, value);
    }
    return {low, high};
  }

  // LUT Descriptor: number of entries (0 means 65,536), first input, bits of an entry. Scaled to [0, 1] if asked.
  // `inputs` are the least and the greatest that it may be given.
  LookupTable lookup_table(DcmItem& item, const std::string& name, std::pair<double, double> inputs, bool to_unit) {
    DcmElement* descriptor = find(item, DCM_LUTDescriptor);
    DcmElement* data = find(item, DCM_LUTData);
    if (descriptor == nullptr || descriptor->getLength() != 6 || data == nullptr) fail("damaged " + name);
    const std::size_t claimed = word(*descriptor, 0), entries = claimed == 0 ? 65536 : claimed;
    const unsigned bits = word(*descriptor, 2);
    if (bits < 1 || bits > 16) fail(name + " of " + std::to_string(bits) + " bits, expected 1 to 16");
    LookupTable lut;
    lut.first = first_input(*descriptor, static_cast<int>(entries), inputs, name);
    const std::string content = bytes(*data);
    std::vector<std::uint16_t> words(content.size() / 2);
    std::memcpy(words.data(), content.data(), 2 * words.size());
    const bool packed = bits <= 8 && words.size() < entries && words.size() == (entries + 1) / 2;
    if (words.size() != entries && !packed) {
      fail(name + " of " + std::to_string(entries) + " entries holds " + std::to_string(words.size()));
    }
    lut.entries.resize(entries);
    for (std::size_t i = 0; i < entries; ++i) {
      // Two packed entries are in a word, the first in its low byte.
      lut.entries[i] = packed ? words[i / 2] >> 8 * (i % 2) & 0xFFu : words[i];
    }
    const auto [least, largest] = std::ranges::minmax(lut.entries);
    if (least == largest) {
      fail(name + " has only entries of " + std::to_string(static_cast<int>(least)) +
           ", which would make all pixels the same");
    }
    if (!to_unit) return lut;
    // White is the entry of all the bits claimed, or the greatest where none needs them or one needs more.
    const double all = std::exp2(bits) - 1.0;
    const bool as_claimed = largest <= all && largest >= std::exp2(bits - 1);
    const double white = as_claimed ? all : largest;
    if (!as_claimed) {
      notes_.push_back(name + " of " + std::to_string(bits) + " bits has entries up to " +
                       std::to_string(static_cast<int>(largest)) + ", taken as white");
    }
    for (double& entry : lut.entries) entry /= white;
    return lut;
  }

  // The first input, signed as its VR says, or as the inputs are where it has none (implicit files). Where that lays
  // the whole table beside the inputs and the other reading does not, the VR is wrong.
  int first_input(DcmElement& descriptor, int entries, std::pair<double, double> inputs, const std::string& name) {
    const bool has_vr = !implicit_vr_ && (descriptor.ident() == EVR_SS || descriptor.ident() == EVR_US);
    const bool is_signed = has_vr ? descriptor.ident() == EVR_SS : inputs.first < 0.0;
    const auto reaches = [&](int first) { return first <= inputs.second && first + entries - 1 >= inputs.first; };
    const int first = as_number(word(descriptor, 1), is_signed), other = as_number(word(descriptor, 1), !is_signed);
    if (reaches(first) || !reaches(other)) return first;
    notes_.push_back(name + "'s first input " + std::to_string(first) + " read as " + std::to_string(other));
    return other;
  }

  std::optional<Window> window(DcmItem& item) {
    const auto numbers = both(item, {DCM_WindowCenter, "Window Center"}, {DCM_WindowWidth, "Window Width"});
    if (!numbers) return std::nullopt;
    Window window{numbers->first, numbers->second, WindowFunction::linear};
    const std::string function = code(item, DCM_VOILUTFunction);
    if (function == "LINEAR_EXACT") {
      window.function = WindowFunction::linear_exact;
    } else if (function == "SIGMOID") {
      window.function = WindowFunction::sigmoid;
    } else if (!function.empty() && function != "LINEAR") {
      fail("unknown VOI LUT Function '" + function + "'");
    }
    const bool linear = window.function == WindowFunction::linear;
    if (linear ? !(window.width >= 1.0) : !(window.width > 0.0)) {
      fail("window width " + std::to_string(window.width) + ", expected " + (linear ? "at least 1" : "above 0"));
    }
    return window;
  }

  std::vector<std::string> notes_;
  bool implicit_vr_ = false;
  bool monochrome1_ = false;
  bool signed_ = false;
  std::size_t height_ = 0;
  std::size_t width_ = 0;
};

}  // namespace

StoredFilm read_dicom(const std::string& path, Presentation presentation) {
  const QuietDcmtk quiet;
  register_codecs_once();
  check_file_bytes(path);
  Film film(path);
  DicomGrayscale grayscale = presentation == Presentation::raw_max ? DicomGrayscale{} : film.grayscale(presentation);
  WordFilm words = film.words();
  grayscale.notes = film.notes();
  return present_dicom(std::move(words), grayscale, presentation);
}

}  // namespace egaze::detail

#endif
