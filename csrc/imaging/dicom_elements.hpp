// The few elements of a DICOM file that a radiograph needs, through DCMTK; see Python's egaze.imaging.dicom_elements.
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
  // Throws Error(unreadable_image), as all others do, for a file that is damaged or in no transfer syntax that is
  // known.
  explicit DicomElements(const std::string& path);

  [[noreturn]] void fail(const std::string& why) const;

  DcmDataset& dataset() { return *file_.getDataset(); }

  // The element, where it has a value.
  static DcmElement* find(DcmItem& item, const DcmTagKey& tag);

  // The element's bytes as the file's words or text: known tags are met with the VR UN, OB or OW.
  std::string bytes(DcmElement& element) const;

  std::string text(DcmItem& item, const DcmTagKey& tag) const;
  std::string first_text(DcmItem& item, const DcmTagKey& tag) const;  // of several

  // A code word, upper case: nothing else of the file may get into a message.
  std::string code(DcmItem& item, const DcmTagKey& tag) const;
  static void to_upper(std::string& text);

  // The first of an element's numbers, decimal text unless its VR is a binary one, if it has a value.
  std::optional<double> decimal(DcmItem& item, const DcmTagKey& tag) const;

  // A word that is "US or SS", or lies in bytes of an unknown VR: one of several, the element's only one, and that of
  // an element which the radiograph must have.
  unsigned word(DcmElement& element, unsigned long which) const;
  unsigned only_word(DcmElement& element) const;
  unsigned uint16(const DcmTagKey& tag);

  // The first item of a sequence; one of VR UN is coded as in an implicit file (PS3.5 6.2.2).
  DcmItem* first_item(DcmItem& item, const DcmTagKey& tag);

  // Where the elements of a functional group (C.7.6.16) may lie: in the frame's own, then the shared one, then here.
  std::vector<DcmItem*> places(const DcmTagKey& macro);

 private:
  [[noreturn]] void damaged(DcmElement& element) const;
  static bool holds_text(const DcmElement& element);
  std::optional<double> binary_number(DcmElement& element) const;

  const std::string& path_;
  DcmFileFormat file_;
  std::vector<std::unique_ptr<DcmDataset>> unknown_sequences_;
};

}  // namespace egaze::detail
