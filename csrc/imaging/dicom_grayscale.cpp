// How a DICOM header says that stored values are presented. Sections refer to DICOM PS3.3.
#if EGAZE_HAVE_DCMTK

#include "dicom_radiograph.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <tuple>

namespace egaze::detail {
namespace {

int as_number(unsigned word, bool is_signed) {
  return is_signed ? static_cast<std::int16_t>(word) : static_cast<int>(word);
}

}  // namespace

DicomGrayscale DicomRadiograph::grayscale(Presentation presentation) {
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

void DicomRadiograph::modality(DicomGrayscale& grayscale) {
  const std::vector<DcmItem*> rescales = places(DCM_PixelValueTransformationSequence);
  if (DcmItem* item = first_item(dataset(), DCM_ModalityLUTSequence)) {
    if (std::ranges::any_of(rescales, [](DcmItem* place) { return find(*place, DCM_RescaleSlope) != nullptr; })) {
      notes_.emplace_back("Rescale Slope ignored beside a Modality LUT");
    }
    grayscale.modality_lut = lookup_table(*item, "Modality LUT", measured_range(grayscale), false);
    return;
  }
  std::vector<std::pair<double, double>> found;
  for (DcmItem* place : rescales) {
    const auto rescale = both(*place, {DCM_RescaleSlope, "Rescale Slope"}, {DCM_RescaleIntercept, "Rescale Intercept"});
    if (rescale) found.push_back(*rescale);
  }
  if (found.empty()) return;
  if (std::ranges::any_of(found, [&](const auto& rescale) { return rescale != found.front(); })) {
    notes_.emplace_back("Rescale Slope and Intercept that differ from the functional group's ignored");
  }
  if (found.front().first == 0.0) {  // such files exist; the slope would make all values the same
    notes_.emplace_back("Rescale Slope 0 ignored");
    return;
  }
  std::tie(grayscale.rescale_slope, grayscale.rescale_intercept) = found.front();
}

void DicomRadiograph::voi(DicomGrayscale& grayscale) {
  for (DcmItem* place : places(DCM_FrameVOILUTSequence)) {
    if (DcmItem* item = first_item(*place, DCM_VOILUTSequence)) {
      grayscale.voi_lut = lookup_table(*item, "VOI LUT", measured_range(grayscale), true);
      return;
    }
    grayscale.window = window(*place);
    if (grayscale.window) return;
  }
}

void DicomRadiograph::presentation_lut_shape() {
  std::string shape = first_text(dataset(), DCM_PresentationLUTShape);
  to_upper(shape);
  if (shape.empty() || shape == (monochrome1_ ? "INVERSE" : "IDENTITY")) return;
  if (shape != "INVERSE" && shape != "IDENTITY" && shape != "LIN OD") shape = "of an unknown kind";
  notes_.push_back("Presentation LUT Shape " + shape + " ignored beside " +
                   (monochrome1_ ? "MONOCHROME1" : "MONOCHROME2"));
}

std::optional<std::pair<double, double>> DicomRadiograph::both(DcmItem& item, const Named& one, const Named& other) {
  const std::optional<double> first = decimal(item, one.tag), second = decimal(item, other.tag);
  if (first && second) return std::pair(*first, *second);
  if (first) notes_.push_back(one.name + " without " + other.name + " ignored");
  if (second) notes_.push_back(other.name + " without " + one.name + " ignored");
  return std::nullopt;
}

std::optional<int> DicomRadiograph::stored_value(const DcmTagKey& tag) {
  DcmElement* element = find(dataset(), tag);
  if (element == nullptr) return std::nullopt;
  return as_number(only_word(*element), signed_);
}

std::pair<double, double> DicomRadiograph::measured_range(const DicomGrayscale& grayscale) {
  const WordLayout layout = word_layout();
  double low = std::numeric_limits<double>::infinity(), high = -low;
  for (unsigned word = 0; word < 1u << layout.allocated; ++word) {
    const double value = measured(grayscale, layout.value(word));
    low = std::min(low, value);
    high = std::max(high, value);
  }
  return {low, high};
}

LookupTable DicomRadiograph::lookup_table(DcmItem& item, const std::string& name, std::pair<double, double> inputs,
                                          bool to_unit) {
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
    // A word holds two packed entries, the first in its low byte.
    lut.entries[i] = packed ? words[i / 2] >> 8 * (i % 2) & 0xFFu : words[i];
  }
  const auto [least, largest] = std::ranges::minmax(lut.entries);
  if (least == largest) {
    fail(name + " has only entries of " + std::to_string(static_cast<int>(least)) +
         ", which would make all pixels the same");
  }
  if (!to_unit) return lut;
  // White is the largest number that the claimed bits can hold. If no entry needs all of these bits, or one needs more,
  // it is the largest entry instead.
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

int DicomRadiograph::first_input(DcmElement& descriptor, int entries, std::pair<double, double> inputs,
                                 const std::string& name) {
  const bool has_vr = !implicit_vr_ && (descriptor.ident() == EVR_SS || descriptor.ident() == EVR_US);
  const bool is_signed = has_vr ? descriptor.ident() == EVR_SS : inputs.first < 0.0;
  const auto reaches = [&](int first) { return first <= inputs.second && first + entries - 1 >= inputs.first; };
  const int first = as_number(word(descriptor, 1), is_signed), other = as_number(word(descriptor, 1), !is_signed);
  if (reaches(first) || !reaches(other)) return first;
  notes_.push_back(name + "'s first input " + std::to_string(first) + " read as " + std::to_string(other));
  return other;
}

std::optional<Window> DicomRadiograph::window(DcmItem& item) {
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

}  // namespace egaze::detail

#endif
