// Access to the elements of a DICOM file, through DCMTK; the counterpart of Python's egaze.imaging.dicom_elements.
#pragma once

#include <dcmtk/config/osconfig.h>  // DCMTK's headers need it before

#include <dcmtk/dcmdata/dctk.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace egaze::detail {

class DicomElements {
 protected:
  // Throws Error(unreadable_image), as all functions below do, if the file is damaged or its transfer syntax is
  // unknown.
  explicit DicomElements(const std::string& path);

  [[noreturn]] void fail(const std::string& why) const;

  DcmDataset& dataset() { return *file_.getDataset(); }

  // The element, or nullptr if it is absent or empty.
  static DcmElement* find(DcmItem& item, const DcmTagKey& tag);

  // The element's value as bytes: files also store known elements with the VR UN, OB or OW.
  std::string bytes(DcmElement& element) const;

  std::string text(DcmItem& item, const DcmTagKey& tag) const;
  std::string first_text(DcmItem& item, const DcmTagKey& tag) const;  // the first of several values

  // A code word in upper case. No other text of a file may appear in a message.
  std::string code(DcmItem& item, const DcmTagKey& tag) const;
  static void to_upper(std::string& text);

  // The first number of an element, as decimal text unless its VR is binary; none if the element is absent or empty.
  std::optional<double> decimal(DcmItem& item, const DcmTagKey& tag) const;

  // A 16-bit word of VR US or SS, or in the bytes of an unknown VR: word `which` of an element, the only word of an
  // element, and the only word of an element that must be present.
  unsigned word(DcmElement& element, unsigned long which) const;
  unsigned only_word(DcmElement& element) const;
  unsigned uint16(const DcmTagKey& tag);

  // The first item of a sequence. A sequence of VR UN is encoded with implicit VR (PS3.5 6.2.2).
  DcmItem* first_item(DcmItem& item, const DcmTagKey& tag);

  // The items that may hold the elements of a functional group macro (C.7.6.16), in order of precedence: the frame's
  // own, the shared one, and the data set itself.
  std::vector<DcmItem*> places(const DcmTagKey& macro);

 private:
  [[noreturn]] void damaged(DcmElement& element) const;
  static bool holds_text(const DcmElement& element);
  static std::optional<double> binary_number(DcmElement& element);

  std::string path_;
  DcmFileFormat file_;
  std::vector<std::unique_ptr<DcmDataset>> unknown_sequences_;
};

}  // namespace egaze::detail
