#if EGAZE_HAVE_DCMTK

#include "dicom_elements.hpp"

#include <dcmtk/dcmdata/dcistrmb.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstring>

#include "radiograph_file.hpp"

namespace egaze::detail {

DicomElements::DicomElements(const std::string& path) : path_(path) {
  if (!dcmDataDict.isDictionaryLoaded()) fail("DCMTK finds no data dictionary; set DCMDICTPATH");
  const OFCondition loaded = file_.loadFile(path.c_str());
  if (loaded.bad()) fail(std::string("damaged DICOM: ") + loaded.text());
  // DCMTK guesses how to read transfer syntaxes that it does not know.
  OFString named;
  file_.getMetaInfo()->findAndGetOFString(DCM_TransferSyntaxUID, named);
  if (named.empty() || named.find_first_not_of("0123456789.") != OFString_npos) fail("names no transfer syntax");
  const E_TransferSyntax syntax = DcmXfer(named.c_str()).getXfer();
  if (syntax == EXS_Unknown || syntax == EXS_PrivateGE_LEI_WithBigEndianPixelData) {
    fail("transfer syntax " + std::string(named.c_str()) + " is none that can be read");
  }
}

void DicomElements::fail(const std::string& why) const { unreadable(path_, why); }

DcmElement* DicomElements::find(DcmItem& item, const DcmTagKey& tag) {
  DcmElement* element = nullptr;
  return item.findAndGetElement(tag, element).good() && element->getLength() > 0 ? element : nullptr;
}

bool DicomElements::holds_text(const DcmElement& element) {
  return dynamic_cast<const DcmByteString*>(&element) != nullptr;
}

std::string DicomElements::bytes(DcmElement& element) const {
  if (holds_text(element)) {
    char* value = nullptr;
    Uint32 length = 0;
    if (static_cast<DcmByteString&>(element).getString(value, length).bad()) damaged(element);
    return value == nullptr ? std::string() : std::string(value, length);
  }
  Uint8* value = nullptr;
  Uint16* words = nullptr;
  const std::size_t length = element.getLength();
  if (element.getUint8Array(value).good() && value != nullptr) {
    return std::string(reinterpret_cast<const char*>(value), length);
  }
  if (element.getUint16Array(words).good() && words != nullptr) {
    return std::string(reinterpret_cast<const char*>(words), length);
  }
  damaged(element);
}

void DicomElements::damaged(DcmElement& element) const {
  fail(std::string("damaged ") + DcmTag(element.getTag()).getTagName());
}

unsigned DicomElements::uint16(const DcmTagKey& tag) {
  DcmElement* element = find(dataset(), tag);
  if (element == nullptr) fail(std::string("lacks ") + DcmTag(tag).getTagName());
  return only_word(*element);
}

std::string DicomElements::text(DcmItem& item, const DcmTagKey& tag) const {
  DcmElement* element = find(item, tag);
  const std::string value = element == nullptr ? std::string() : bytes(*element);
  const std::size_t first = value.find_first_not_of(std::string(" \0", 2)),
                    last = value.find_last_not_of(std::string(" \0", 2));
  return first == std::string::npos || last == std::string::npos ? std::string()
                                                                 : value.substr(first, last + 1 - first);
}

std::string DicomElements::first_text(DcmItem& item, const DcmTagKey& tag) const {
  const std::string all = text(item, tag);
  const std::string first = all.substr(0, all.find('\\'));
  constexpr char blanks[] = " \t\n\v\f\r";
  const std::size_t begin = first.find_first_not_of(blanks), end = first.find_last_not_of(blanks);
  return begin == std::string::npos ? std::string() : first.substr(begin, end + 1 - begin);
}

void DicomElements::to_upper(std::string& text) {
  std::ranges::transform(text, text.begin(), [](char c) { return c >= 'a' && c <= 'z' ? c - 32 : c; });
}

std::string DicomElements::code(DcmItem& item, const DcmTagKey& tag) const {
  std::string word = text(item, tag);
  to_upper(word);
  const bool plain = std::ranges::all_of(
      word, [](char c) { return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == ' '; });
  if (!plain || word.size() > 16) fail(std::string(DcmTag(tag).getTagName()) + " is no code word");
  return word;
}

DcmItem* DicomElements::first_item(DcmItem& item, const DcmTagKey& tag) {
  DcmElement* element = find(item, tag);
  if (element == nullptr) return nullptr;
  auto* sequence = dynamic_cast<DcmSequenceOfItems*>(element);
  if (sequence == nullptr) {
    const std::string value = bytes(*element);
    std::string content(8, '\0');
    const std::uint16_t group = tag.getGroup(), number = tag.getElement();
    const auto length = static_cast<std::uint32_t>(value.size());
    std::memcpy(content.data(), &group, 2);
    std::memcpy(content.data() + 2, &number, 2);
    std::memcpy(content.data() + 4, &length, 4);
    content += value;
    DcmInputBufferStream stream;
    stream.setBuffer(content.data(), static_cast<offile_off_t>(content.size()));
    stream.setEos();
    DcmDataset& parsed = *unknown_sequences_.emplace_back(std::make_unique<DcmDataset>());
    parsed.transferInit();
    const OFCondition read = parsed.read(stream, EXS_LittleEndianImplicit);
    parsed.transferEnd();
    parsed.loadAllDataIntoMemory();
    if (read.bad() || parsed.findAndGetSequence(tag, sequence).bad()) damaged(*element);
  }
  DcmItem* first = sequence->card() > 0 ? sequence->getItem(0) : nullptr;
  return first != nullptr && first->card() > 0 ? first : nullptr;
}

std::vector<DcmItem*> DicomElements::places(const DcmTagKey& macro) {
  std::vector<DcmItem*> found;
  for (const DcmTagKey& groups : {DCM_PerFrameFunctionalGroupsSequence, DCM_SharedFunctionalGroupsSequence}) {
    DcmItem* group = first_item(dataset(), groups);
    if (DcmItem* item = group == nullptr ? nullptr : first_item(*group, macro)) found.push_back(item);
  }
  found.push_back(&dataset());
  return found;
}

std::optional<double> DicomElements::decimal(DcmItem& item, const DcmTagKey& tag) const {
  DcmElement* element = find(item, tag);
  if (element == nullptr) return std::nullopt;
  double value = 0.0;
  if (const std::optional<double> binary = binary_number(*element)) {
    value = *binary;
  } else {
    std::string digits = first_text(item, tag);
    if (digits.empty()) return std::nullopt;
    // std::from_chars does not accept a plus sign.
    if (digits.starts_with('+') && !digits.starts_with("+-")) digits.erase(0, 1);
    const auto result = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (result.ec != std::errc() || result.ptr != digits.data() + digits.size()) value = std::nan("");
  }
  if (!std::isfinite(value)) fail(std::string(DcmTag(tag).getTagName()) + " is no decimal number");
  if (value != 0.0 && !(std::abs(value) >= 1e-30 && std::abs(value) <= 1e30)) {
    fail(std::string(DcmTag(tag).getTagName()) + " " + std::to_string(value) + " is out of range");
  }
  return value;
}

std::optional<double> DicomElements::binary_number(DcmElement& element) {
  Uint16 us = 0;
  Sint16 ss = 0;
  Uint32 ul = 0;
  Sint32 sl = 0;
  Float32 fl = 0;
  Float64 fd = 0;
  switch (element.ident()) {
    case EVR_US: return element.getUint16(us).good() ? us : std::nan("");
    case EVR_SS: return element.getSint16(ss).good() ? ss : std::nan("");
    case EVR_UL: return element.getUint32(ul).good() ? ul : std::nan("");
    case EVR_SL: return element.getSint32(sl).good() ? sl : std::nan("");
    case EVR_FL: return element.getFloat32(fl).good() ? fl : std::nan("");
    case EVR_FD: return element.getFloat64(fd).good() ? fd : std::nan("");
    default: return std::nullopt;
  }
}

unsigned DicomElements::only_word(DcmElement& element) const {
  if (element.getLength() != 2) {
    fail(std::string(DcmTag(element.getTag()).getTagName()) + " is " + std::to_string(element.getLength()) +
         " bytes long, expected 2");
  }
  return word(element, 0);
}

unsigned DicomElements::word(DcmElement& element, unsigned long which) const {
  Sint16 as_signed = 0;
  Uint16 value = 0;
  if (element.ident() == EVR_SS && element.getSint16(as_signed, which).good()) {
    return static_cast<std::uint16_t>(as_signed);
  }
  if (element.ident() == EVR_US && element.getUint16(value, which).good()) return value;
  const std::string content = bytes(element);
  if (content.size() < 2 * (which + 1)) damaged(element);
  std::memcpy(&value, content.data() + 2 * which, sizeof value);
  return value;
}

}  // namespace egaze::detail

#endif
