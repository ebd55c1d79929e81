// DICOM films, through DCMTK. Sections are those of DICOM PS3.3.
#if EGAZE_HAVE_DCMTK

#include <dcmtk/config/osconfig.h>  // DCMTK's headers need it before

#include <dcmtk/dcmdata/dccodec.h>
#include <dcmtk/dcmdata/dctk.h>
#include <dcmtk/dcmdata/dcrledrg.h>
#include <dcmtk/dcmjpeg/djdecode.h>
#include <dcmtk/dcmjpls/djdecode.h>
#include <dcmtk/oflog/oflog.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <mutex>

#include "grayscale.hpp"
#include "readers.hpp"

namespace egaze::detail {
namespace {

// Keeps DCMTK from printing while any film is read; the program's own log level comes back after the last.
class QuietDcmtk {
 public:
  QuietDcmtk() {
    const std::lock_guard lock(mutex());
    if (readers()++ > 0) return;
    OFLog::getLogger("egaze");  // the first logger sets the levels up
    OFLogger root = dcmtk::log4cplus::Logger::getRoot();
    level() = root.getLogLevel();
    root.setLogLevel(OFLogger::OFF_LOG_LEVEL);
  }
  ~QuietDcmtk() {
    const std::lock_guard lock(mutex());
    if (--readers() == 0) dcmtk::log4cplus::Logger::getRoot().setLogLevel(level());
  }
  QuietDcmtk(const QuietDcmtk&) = delete;
  QuietDcmtk& operator=(const QuietDcmtk&) = delete;

 private:
  static std::mutex& mutex() {
    static std::mutex mutex;
    return mutex;
  }
  static int& readers() {
    static int readers = 0;
    return readers;
  }
  static dcmtk::log4cplus::LogLevel& level() {
    static dcmtk::log4cplus::LogLevel level = 0;
    return level;
  }
};

void register_codecs_once() {
  static std::once_flag once;
  std::call_once(once, [] {
    DJDecoderRegistration::registerCodecs();
    DJLSDecoderRegistration::registerCodecs();
    DcmRLEDecoderRegistration::registerCodecs();
  });
}

class Film {
 public:
  explicit Film(const std::string& path) : path_(path) {
    if (!dcmDataDict.isDictionaryLoaded()) fail("DCMTK finds no data dictionary; set DCMDICTPATH");
    const OFCondition loaded = file_.loadFile(path.c_str());
    if (loaded.bad()) fail(std::string("damaged DICOM: ") + loaded.text());
    const DcmXfer syntax(dataset().getOriginalXfer());
    implicit_vr_ = syntax.isImplicitVR();

    height_ = uint16(DCM_Rows);
    width_ = uint16(DCM_Columns);
    check_pixel_count(path_, height_, width_);
    if (const double frames = decimal(DCM_NumberOfFrames).value_or(1.0); frames != 1.0) {
      fail(std::to_string(static_cast<long long>(std::clamp(frames, -1e15, 1e15))) + " frames, expected one film");
    }
    const std::string photometric = text(DCM_PhotometricInterpretation);
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
    const bool bits_may_lie_anywhere = !syntax.isEncapsulated() || syntax.getXfer() == EXS_RLELossless;
    if (!bits_may_lie_anywhere && uint16(DCM_HighBit) + 1 != uint16(DCM_BitsStored)) {
      fail(std::to_string(uint16(DCM_BitsStored)) + " bits stored up to bit " + std::to_string(uint16(DCM_HighBit)) +
           ", which " + syntax.getXferName() + " excludes");
    }
    if (syntax.isEncapsulated() && !DcmCodecList::canChangeCoding(syntax.getXfer(), EXS_LittleEndianExplicit)) {
      fail(std::string(syntax.getXferName()) +
           " is not supported: DCMTK has no decoder for it; decode the film first, for example with gdcmconv --raw");
    }
    const OFCondition decoded = dataset().chooseRepresentation(EXS_LittleEndianExplicit, nullptr);
    if (decoded.bad() || !dataset().canWriteXfer(EXS_LittleEndianExplicit)) {
      fail(std::string("cannot decode ") + syntax.getXferName() + ": " + decoded.text());
    }
    // The decoder may have changed how many bits a value takes.
    const unsigned allocated = uint16(DCM_BitsAllocated), bits = uint16(DCM_BitsStored);
    const unsigned high_bit = uint16(DCM_HighBit);
    if ((allocated != 8 && allocated != 16) || bits < 1 || bits > high_bit + 1 || high_bit + 1 > allocated) {
      fail(std::to_string(bits) + " of " + std::to_string(allocated) + " bits stored up to bit " +
           std::to_string(high_bit) + ", expected words of 8 or 16 bits");
    }
    const WordLayout layout{allocated, bits, high_bit, signed_};
    if (allocated == 8) {
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
    bool voi_input_signed = signed_;
    DcmItem* item = nullptr;
    if (dataset().findAndGetSequenceItem(DCM_ModalityLUTSequence, item, 0).good()) {
      grayscale.modality_lut = lookup_table(*item, "Modality LUT", signed_, false);
      voi_input_signed = false;
    } else {
      const std::optional<double> slope = decimal(DCM_RescaleSlope), intercept = decimal(DCM_RescaleIntercept);
      if (slope && intercept) {
        grayscale.rescale_slope = *slope;
        grayscale.rescale_intercept = *intercept;
      }
      voi_input_signed = lowest_measured(grayscale) < 0.0;
    }
    if (presentation == Presentation::voi) {
      if (dataset().findAndGetSequenceItem(DCM_VOILUTSequence, item, 0).good()) {
        grayscale.voi_lut = lookup_table(*item, "VOI LUT", voi_input_signed, true);
      } else {
        grayscale.window = window();
      }
    }
    if (const std::optional<int> padding = stored_value(DCM_PixelPaddingValue)) {
      grayscale.padding = std::minmax(*padding, stored_value(DCM_PixelPaddingRangeLimit).value_or(int{*padding}));
    }
    return grayscale;
  }

 private:
  [[noreturn]] void fail(const std::string& why) const { unreadable(path_, why); }

  DcmDataset& dataset() { return *file_.getDataset(); }

  unsigned uint16(const DcmTagKey& tag) {
    Uint16 value = 0;
    if (dataset().findAndGetUint16(tag, value).bad()) fail(std::string("lacks ") + DcmTag(tag).getTagName());
    return value;
  }

  std::string text(const DcmTagKey& tag) {
    OFString value;
    return dataset().findAndGetOFString(tag, value).good() ? std::string(value.c_str()) : std::string();
  }

  template <class Word>
  WordFilm film_of(const Word* words, std::size_t count, const WordLayout& layout) const {
    const std::size_t pixels = height_ * width_;
    if (words == nullptr || count < pixels) {
      fail("truncated: " + std::to_string(words == nullptr ? 0 : count) + " of " + std::to_string(pixels) + " pixels");
    }
    return {height_, width_, std::vector<Word>(words, words + pixels), layout};
  }

  // The first of an element's decimal numbers, if it has a value.
  std::optional<double> decimal(const DcmTagKey& tag) {
    DcmElement* element = nullptr;
    if (dataset().findAndGetElement(tag, element).bad() || element->getLength() == 0) return std::nullopt;
    OFString text;
    double value = 0.0;
    if (element->getOFString(text, 0).bad()) fail(std::string("damaged ") + DcmTag(tag).getTagName());
    const std::string padded = text.c_str();
    const std::size_t first = std::min(padded.find_first_not_of(" +"), padded.size());
    const char *begin = padded.data() + first, *end = padded.data() + padded.find_last_not_of(' ') + 1;
    if (begin >= end) return std::nullopt;
    const auto result = std::from_chars(begin, end, value);
    if (result.ec != std::errc() || result.ptr != end || !std::isfinite(value)) {
      fail(std::string(DcmTag(tag).getTagName()) + " is no decimal number");
    }
    if (value != 0.0 && !(std::abs(value) >= 1e-30 && std::abs(value) <= 1e30)) {
      fail(std::string(DcmTag(tag).getTagName()) + " " + std::to_string(value) + " is out of range");
    }
    return value;
  }

  // An element of one word that is a stored value, signed as these are.
  std::optional<int> stored_value(const DcmTagKey& tag) {
    DcmElement* element = nullptr;
    if (dataset().findAndGetElement(tag, element).bad() || element->getLength() == 0) return std::nullopt;
    return as_number(word(*element, 0), signed_);
  }

  // A word that is "US or SS".
  unsigned word(DcmElement& element, unsigned long which) const {
    Sint16 as_signed = 0;
    Uint16 value = 0;
    if (element.ident() == EVR_SS && element.getSint16(as_signed, which).good()) {
      return static_cast<std::uint16_t>(as_signed);
    }
    if (element.getUint16(value, which).bad()) fail(std::string("damaged ") + DcmTag(element.getTag()).getTagName());
    return value;
  }

  static int as_number(unsigned word, bool is_signed) {
    return is_signed ? static_cast<std::int16_t>(word) : static_cast<int>(word);
  }

  // What Rescale makes of the least or greatest value that the bits stored can hold, whichever comes out lower.
  double lowest_measured(const DicomGrayscale& grayscale) {
    const double span = std::exp2(uint16(DCM_BitsStored));
    const double least = signed_ ? -span / 2.0 : 0.0, greatest = least + span - 1.0;
    return std::min(least * grayscale.rescale_slope, greatest * grayscale.rescale_slope) + grayscale.rescale_intercept;
  }

  // LUT Descriptor: number of entries (0 means 65,536), first input, bits of an entry. Scaled to [0, 1] if asked.
  // An explicit file says whether the first input is signed; in an implicit one it is as the values put in are.
  LookupTable lookup_table(DcmItem& item, const std::string& name, bool input_signed, bool to_unit) const {
    DcmElement* descriptor = nullptr;
    DcmElement* data = nullptr;
    if (item.findAndGetElement(DCM_LUTDescriptor, descriptor).bad() || descriptor->getVM() != 3 ||
        item.findAndGetElement(DCM_LUTData, data).bad()) {
      fail("damaged " + name);
    }
    const std::size_t entries = word(*descriptor, 0);
    const unsigned bits = word(*descriptor, 2);
    if (bits < 1 || bits > 16) fail(name + " of " + std::to_string(bits) + " bits, expected 1 to 16");
    LookupTable lut;
    lut.first = as_number(word(*descriptor, 1), implicit_vr_ ? input_signed : descriptor->ident() == EVR_SS);
    lut.entries.resize(entries == 0 ? 65536 : entries);
    const Uint16* values = nullptr;
    unsigned long count = 0;
    if (item.findAndGetUint16Array(DCM_LUTData, values, &count).bad()) count = 0;
    const bool packed = bits <= 8 && count < lut.entries.size() && count == (lut.entries.size() + 1) / 2;
    if (count < lut.entries.size() && !packed) {
      fail(name + " of " + std::to_string(lut.entries.size()) + " entries holds " + std::to_string(count));
    }
    const double largest = to_unit ? std::exp2(bits) - 1.0 : 1.0;
    for (std::size_t i = 0; i < lut.entries.size(); ++i) {
      // Two packed entries are in a word, the first in its low byte.
      const unsigned entry = packed ? values[i / 2] >> 8 * (i % 2) & 0xFFu : values[i];
      lut.entries[i] = entry / largest;
    }
    return lut;
  }

  std::optional<Window> window() {
    const std::optional<double> centre = decimal(DCM_WindowCenter), width = decimal(DCM_WindowWidth);
    if (!centre || !width) return std::nullopt;
    Window window{*centre, *width, WindowFunction::linear};
    std::string function = text(DCM_VOILUTFunction);
    std::ranges::transform(function, function.begin(), [](char c) { return c >= 'a' && c <= 'z' ? c - 32 : c; });
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

  const std::string& path_;
  DcmFileFormat file_;
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
  const DicomGrayscale grayscale =
      presentation == Presentation::raw_max ? DicomGrayscale{} : film.grayscale(presentation);
  return present_dicom(film.words(), grayscale, presentation);
}

}  // namespace egaze::detail

#endif
