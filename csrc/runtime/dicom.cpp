// DICOM films, through DCMTK. Sections are those of DICOM PS3.3.
#if EGAZE_HAVE_DCMTK

#include <dcmtk/config/osconfig.h>  // DCMTK's headers need it before

#include <dcmtk/dcmdata/dctk.h>
#include <dcmtk/dcmdata/dcrledrg.h>
#include <dcmtk/dcmjpeg/djdecode.h>
#include <dcmtk/dcmjpls/djdecode.h>
#include <dcmtk/oflog/oflog.h>

#include <algorithm>
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
    Sint32 frames = 1;
    if (dataset().findAndGetSint32(DCM_NumberOfFrames, frames).good() && frames != 1) {
      fail(std::to_string(frames) + " frames, expected one film");
    }
    const std::string photometric = text(DCM_PhotometricInterpretation);
    monochrome1_ = photometric == "MONOCHROME1";
    if (!monochrome1_ && photometric != "MONOCHROME2") {
      fail("photometric interpretation '" + photometric + "', expected MONOCHROME1 or MONOCHROME2");
    }
    if (uint16(DCM_SamplesPerPixel) != 1) fail("several samples a pixel, expected one");
    signed_ = uint16(DCM_PixelRepresentation) != 0;
  }

  StoredFilm stored() {
    const DcmXfer syntax(dataset().getOriginalXfer());
    DcmElement* native = nullptr;
    if (dataset().findAndGetElement(DCM_PixelData, native).bad()) fail("holds no pixels");
    if (!syntax.isEncapsulated() && native->getLength() < height_ * width_ * ((uint16(DCM_BitsAllocated) + 7u) / 8u)) {
      fail("truncated: " + std::to_string(native->getLength()) + " bytes for " + std::to_string(height_) + "x" +
           std::to_string(width_) + " pixels");
    }
    const OFCondition decoded = dataset().chooseRepresentation(EXS_LittleEndianExplicit, nullptr);
    if (decoded.bad() || !dataset().canWriteXfer(EXS_LittleEndianExplicit)) {
      fail(std::string("cannot decode ") + syntax.getXferName() + ": " +
           (decoded.bad() ? decoded.text() : "DCMTK has no decoder for it"));
    }
    // The decoder may have changed how many bits a value takes.
    const unsigned allocated = uint16(DCM_BitsAllocated), bits = uint16(DCM_BitsStored);
    if ((allocated != 8 && allocated != 16) || bits < 1 || bits > allocated || uint16(DCM_HighBit) != bits - 1) {
      fail(std::to_string(bits) + " of " + std::to_string(allocated) + " bits stored up to bit " +
           std::to_string(uint16(DCM_HighBit)) + ", expected the lowest of 8 or 16");
    }
    if (allocated == 8) {
      const Uint8* values = nullptr;
      unsigned long count = 0;
      const OFCondition got = dataset().findAndGetUint8Array(DCM_PixelData, values, &count);
      return used_bits(got.good() ? values : nullptr, count, bits);
    }
    const Uint16* values = nullptr;
    unsigned long count = 0;
    const OFCondition got = dataset().findAndGetUint16Array(DCM_PixelData, values, &count);
    return used_bits(got.good() ? values : nullptr, count, bits);
  }

  DicomGrayscale grayscale(Presentation presentation) {
    DicomGrayscale grayscale;
    grayscale.monochrome1 = monochrome1_;
    DcmItem* item = nullptr;
    if (dataset().findAndGetSequenceItem(DCM_ModalityLUTSequence, item, 0).good()) {
      grayscale.modality_lut = lookup_table(*item, "Modality LUT", false);
    } else {
      double slope = 1.0, intercept = 0.0;
      if (dataset().findAndGetFloat64(DCM_RescaleSlope, slope).good() &&
          dataset().findAndGetFloat64(DCM_RescaleIntercept, intercept).good()) {
        grayscale.rescale_slope = slope;
        grayscale.rescale_intercept = intercept;
      }
    }
    if (presentation == Presentation::voi) {
      if (dataset().findAndGetSequenceItem(DCM_VOILUTSequence, item, 0).good()) {
        grayscale.voi_lut = lookup_table(*item, "VOI LUT", true);
      } else {
        grayscale.window = window();
      }
    }
    DcmElement* padding = nullptr;
    if (dataset().findAndGetElement(DCM_PixelPaddingValue, padding).good() && padding->getVM() > 0) {
      const int value = us_or_ss(*padding, 0);
      DcmElement* limit = nullptr;
      const bool range =
          dataset().findAndGetElement(DCM_PixelPaddingRangeLimit, limit).good() && limit->getVM() > 0;
      grayscale.padding = std::minmax(value, range ? us_or_ss(*limit, 0) : int{value});
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

  // The lowest bits of each value; what lies above them may be overlays.
  template <class T>
  StoredFilm used_bits(const T* values, std::size_t count, unsigned bits) const {
    const std::size_t pixels = height_ * width_;
    if (values == nullptr || count < pixels) {
      fail("truncated: " + std::to_string(values == nullptr ? 0 : count) + " of " + std::to_string(pixels) +
           " pixels");
    }
    StoredFilm film{height_, width_, {}};
    const unsigned unused = 16 - bits;
    if (signed_) {
      std::vector<std::int16_t> stored(pixels);
      std::transform(values, values + pixels, stored.begin(), [unused](T value) {
        // Up so that the sign is the top bit, and down again.
        return static_cast<std::int16_t>(static_cast<std::int16_t>(value << unused) >> unused);
      });
      film.values = std::move(stored);
    } else {
      std::vector<std::uint16_t> stored(pixels);
      const unsigned mask = 0xFFFFu >> unused;
      std::transform(values, values + pixels, stored.begin(),
                     [mask](T value) { return static_cast<std::uint16_t>(value & mask); });
      film.values = std::move(stored);
    }
    return film;
  }

  // A value that is "US or SS": an explicit file says which; in an implicit one it goes by the pixels (PS3.5 A.1).
  int us_or_ss(DcmElement& element, unsigned long which) const {
    Sint16 as_signed = 0;
    if (element.ident() == EVR_SS && element.getSint16(as_signed, which).good()) return as_signed;
    Uint16 value = 0;
    if (element.getUint16(value, which).bad()) fail(std::string("damaged ") + DcmTag(element.getTag()).getTagName());
    return implicit_vr_ && signed_ ? static_cast<std::int16_t>(value) : value;
  }

  // LUT Descriptor: number of entries (0 means 65,536), first input, bits of an entry. Scaled to [0, 1] if asked.
  LookupTable lookup_table(DcmItem& item, const std::string& name, bool to_unit) const {
    DcmElement* descriptor = nullptr;
    DcmElement* data = nullptr;
    if (item.findAndGetElement(DCM_LUTDescriptor, descriptor).bad() || descriptor->getVM() != 3 ||
        item.findAndGetElement(DCM_LUTData, data).bad()) {
      fail("damaged " + name);
    }
    const std::size_t entries = static_cast<std::uint16_t>(us_or_ss(*descriptor, 0));
    const int bits = us_or_ss(*descriptor, 2);
    if (bits < 1 || bits > 16) fail(name + " of " + std::to_string(bits) + " bits, expected 1 to 16");
    LookupTable lut;
    lut.first = us_or_ss(*descriptor, 1);
    lut.entries.resize(entries == 0 ? 65536 : entries);
    const Uint16* values = nullptr;
    unsigned long count = 0;
    if (item.findAndGetUint16Array(DCM_LUTData, values, &count).bad()) count = 0;
    if (count < lut.entries.size()) {
      fail(name + " of " + std::to_string(lut.entries.size()) + " entries holds " + std::to_string(count));
    }
    const double largest = to_unit ? std::exp2(bits) - 1.0 : 1.0;
    for (std::size_t i = 0; i < lut.entries.size(); ++i) lut.entries[i] = values[i] / largest;
    return lut;
  }

  std::optional<Window> window() {
    Window window;
    if (dataset().findAndGetFloat64(DCM_WindowCenter, window.centre).bad() ||
        dataset().findAndGetFloat64(DCM_WindowWidth, window.width).bad()) {
      return std::nullopt;
    }
    std::string function = text(DCM_VOILUTFunction);
    std::ranges::transform(function, function.begin(), [](char c) { return c >= 'a' && c <= 'z' ? c - 32 : c; });
    if (function.empty() || function == "LINEAR") {
      window.function = WindowFunction::linear;
    } else if (function == "LINEAR_EXACT") {
      window.function = WindowFunction::linear_exact;
    } else if (function == "SIGMOID") {
      window.function = WindowFunction::sigmoid;
    } else {
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

Radiograph read_dicom(const std::string& path, Presentation presentation) {
  const QuietDcmtk quiet;
  register_codecs_once();
  Film film(path);
  const DicomGrayscale grayscale = film.grayscale(presentation);
  return present_dicom(film.stored(), grayscale, presentation);
}

}  // namespace egaze::detail

#endif
