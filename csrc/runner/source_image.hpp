// The DICOM image of a radiograph, as far as an object of its study needs it; as Python's
// egaze.dicom_objects.source_image.
#pragma once

#include <map>
#include <string>

#include "dicom_elements.hpp"

namespace egaze::runner {

class SourceImage : private detail::DicomElements {
 public:
  // `path` must outlive this. Throws Error(unreadable_image), without text of the file, if it is not DICOM, lacks a UID
  // that objects refer to, or has an unusual value in an element that is copied.
  explicit SourceImage(const std::string& path);

  // Gives an object the identity of the image and what is known of its pixels.
  void copy(DcmItem& object) const;

  std::string sop_class_uid, sop_instance_uid, series_uid;
  std::string instance_number;  // "1" if the file has none that is positive
  // The bytes of the elements that are copied, by keyword: identity of the patient and the study, and the pixels'
  // place, size and past.
  std::map<std::string, std::string> identity, pixels;

 private:
  std::string value(const DcmTagKey& tag);
  std::string uid(const DcmTagKey& tag);
};

}  // namespace egaze::runner
