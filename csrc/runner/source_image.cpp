#if EGAZE_HAVE_DCMTK

#include "source_image.hpp"

#include <algorithm>
#include <array>
#include <fstream>
#include <regex>
#include <span>
#include <string_view>

#include "radiograph_file.hpp"

namespace egaze::runner {
namespace {

constexpr std::size_t kLongestBytes = 1024;
constexpr char kNoObject[] = ", so no DICOM object can be made of it";

struct Copied {
  DcmTagKey tag;
  bool optional = false;
};

std::span<const Copied> identity_tags() {
  static const Copied tags[] = {{DCM_SpecificCharacterSet, true}, {DCM_PatientName},      {DCM_PatientID},
                                {DCM_IssuerOfPatientID, true},    {DCM_PatientBirthDate}, {DCM_PatientSex},
                                {DCM_StudyInstanceUID},           {DCM_StudyDate},        {DCM_StudyTime},
                                {DCM_ReferringPhysicianName},     {DCM_StudyID},          {DCM_AccessionNumber}};
  return tags;
}

std::span<const DcmTagKey> pixel_tags() {
  static const DcmTagKey tags[] = {DCM_Laterality,
                                   DCM_ImageLaterality,
                                   DCM_PatientOrientation,
                                   DCM_PixelSpacing,
                                   DCM_PixelSpacingCalibrationType,
                                   DCM_PixelSpacingCalibrationDescription,
                                   DCM_ImagerPixelSpacing,
                                   DCM_NominalScannedPixelSpacing,
                                   DCM_PixelAspectRatio,
                                   DCM_BurnedInAnnotation,
                                   DCM_LossyImageCompression,
                                   DCM_LossyImageCompressionRatio,
                                   DCM_LossyImageCompressionMethod};
  return tags;
}

// Pairs of lengths or shares, of which some devices write 0 for unknown ones. Such pairs are not copied.
std::span<const DcmTagKey> pair_tags() {
  static const DcmTagKey tags[] = {DCM_PixelSpacing, DCM_ImagerPixelSpacing, DCM_NominalScannedPixelSpacing,
                                   DCM_PixelAspectRatio};
  return tags;
}

std::string keyword(const DcmTagKey& tag) { return DcmTag(tag).getTagName(); }

void put(DcmItem& object, const DcmTagKey& tag, const std::string& value) {
  const OFCondition done = object.putAndInsertString(tag, value.data(), static_cast<Uint32>(value.size()));
  if (done.bad()) throw std::runtime_error(keyword(tag) + " cannot be copied: " + done.text());
}

bool is_dicom(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::array<char, 132> begin{};
  return file.read(begin.data(), begin.size()) && std::string_view(begin.data() + 128, 4) == "DICM";
}

// The path, once it is known to be that of a DICOM file of a sane size.
std::string checked(const std::string& path) {
  if (!is_dicom(path)) detail::unreadable(path, std::string("is not DICOM") + kNoObject);
  detail::check_file_bytes(path);
  return path;
}

bool is_digit(char letter) { return letter >= '0' && letter <= '9'; }

// Whether a text is a positive number of at most nine digits.
bool is_positive(std::string_view text) {
  if (text.starts_with('+')) text.remove_prefix(1);
  return !text.empty() && text.size() <= 9 && std::ranges::all_of(text, is_digit) &&
         text.find_first_not_of('0') != std::string_view::npos;
}

// Whether a value is two positive numbers.
bool is_positive_pair(const std::string& text) {
  static const std::regex pair(R"( *([0-9]{0,9}\.?[0-9]{0,12}) *\\ *([0-9]{0,9}\.?[0-9]{0,12}) *)");
  std::smatch found;
  if (text.size() > 64 || !std::regex_match(text, found, pair)) return false;
  const auto is_above_zero = [](const std::string& number) {
    return number.find_first_of("123456789") != std::string::npos;
  };
  return is_above_zero(found[1]) && is_above_zero(found[2]);
}

}  // namespace

SourceImage::SourceImage(const std::string& path) : DicomElements(checked(path)) {
  sop_class_uid = uid(DCM_SOPClassUID);
  sop_instance_uid = uid(DCM_SOPInstanceUID);
  uid(DCM_StudyInstanceUID);
  series_uid = uid(DCM_SeriesInstanceUID);
  const char* known = dcmFindNameOfUID(sop_class_uid.c_str(), "");
  const std::string_view sop_class = known == nullptr ? "" : known;
  if (!sop_class.ends_with("ImageStorage") && !sop_class.ends_with("ForPresentation") &&
      !sop_class.ends_with("ForProcessing")) {
    fail(std::string("SOPClassUID is that of no image") + kNoObject);
  }
  for (const Copied& each : identity_tags()) {
    if (!each.optional || find(dataset(), each.tag) != nullptr) identity[keyword(each.tag)] = value(each.tag);
  }
  for (const DcmTagKey& tag : pixel_tags()) {
    if (find(dataset(), tag) != nullptr) pixels[keyword(tag)] = value(tag);
  }
  for (const DcmTagKey& tag : pair_tags()) {
    if (const auto found = pixels.find(keyword(tag)); found != pixels.end() && !is_positive_pair(found->second)) {
      pixels.erase(found);
    }
  }
  if (!pixels.contains(keyword(DCM_PixelSpacing))) {
    pixels.erase(keyword(DCM_PixelSpacingCalibrationType));
    pixels.erase(keyword(DCM_PixelSpacingCalibrationDescription));
  }
  const std::string number = value(DCM_InstanceNumber);
  instance_number = is_positive(number) ? std::to_string(std::stoul(number)) : "1";
}

void SourceImage::copy(DcmItem& object) const {
  put(object, DCM_PatientOrientation, "");  // may be unknown, but not absent
  if (!pixels.contains(keyword(DCM_ImageLaterality))) put(object, DCM_Laterality, "");
  for (const DcmTagKey& tag : pixel_tags()) {
    if (const auto found = pixels.find(keyword(tag)); found != pixels.end()) put(object, tag, found->second);
  }
  for (const Copied& each : identity_tags()) {
    if (const auto found = identity.find(keyword(each.tag)); found != identity.end()) {
      put(object, each.tag, found->second);
    }
  }
}

std::string SourceImage::value(const DcmTagKey& tag) {
  std::string found = text(dataset(), tag);
  if (found.size() > kLongestBytes) {
    fail(keyword(tag) + " is " + std::to_string(found.size()) + " bytes long, expected at most " +
         std::to_string(kLongestBytes));
  }
  return found;
}

std::string SourceImage::uid(const DcmTagKey& tag) {
  std::string found = value(tag);
  if (found.empty()) fail(keyword(tag) + " is missing" + kNoObject);
  const bool plain = std::ranges::all_of(found, [](char letter) { return is_digit(letter) || letter == '.'; });
  const bool parted = found.front() != '.' && found.back() != '.' && found.find("..") == std::string::npos &&
                      found.find('.') != std::string::npos;
  if (!plain || !parted || found.size() > 64) fail(keyword(tag) + " is no UID" + kNoObject);
  return found;
}

}  // namespace egaze::runner

#endif
