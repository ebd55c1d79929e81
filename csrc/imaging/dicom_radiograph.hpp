// The header and the pixels of a DICOM radiograph, through DCMTK. Sections refer to DICOM PS3.3.
#pragma once

#include "dicom_elements.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "egaze/radiograph.hpp"
#include "radiograph_file.hpp"
#include "grayscale.hpp"

namespace egaze::detail {

// A file with one monochrome frame. All functions throw Error(unreadable_image).
class DicomRadiograph : private DicomElements {
 public:
  explicit DicomRadiograph(const std::string& path);

  // The decoded pixels (dicom_pixels.cpp).
  WordRadiograph words();

  // How the header says that they are presented (dicom_grayscale.cpp).
  DicomGrayscale grayscale(Presentation presentation);

  // What was ignored or corrected in the header, in the same words as in Python.
  const std::vector<std::string>& notes() const { return notes_; }

 private:
  struct Named {
    DcmTagKey tag;
    std::string name;
  };

  WordLayout word_layout();

  OFCondition decode(const DcmXfer& syntax);

  // The codestream of the frame, joined from its fragments.
  std::vector<std::uint8_t> coded_frame(const DcmXfer& syntax);

  // Compares the codestream with the header, which DCMTK's decoders do not.
  void check_codestream(const DcmXfer& syntax);

  WordRadiograph run_length_words(const DcmXfer& syntax);

  template <class Word>
  WordRadiograph radiograph_of(const Word* words, std::size_t count, const WordLayout& layout) const;

  // Reads the Modality LUT, or else Rescale Slope and Intercept.
  void modality(DicomGrayscale& grayscale);

  // Reads the first VOI transform.
  void voi(DicomGrayscale& grayscale);

  // Presentation LUT Shape should agree with Photometric Interpretation (C.8.11.3). If it does not, it is ignored with
  // a note, because there are radiographs in which it is wrong.
  void presentation_lut_shape();

  // Two numbers that are meaningful only together; if one is missing, the other is ignored with a note.
  std::optional<std::pair<double, double>> both(DcmItem& item, const Named& one, const Named& other);

  // An element whose one word is a stored value and has the same sign representation as the pixels.
  std::optional<int> stored_value(const DcmTagKey& tag);

  // The smallest and largest value that the Modality LUT or Rescale can give for the bits stored.
  std::pair<double, double> measured_range(const DicomGrayscale& grayscale);

  // Reads a LUT. LUT Descriptor holds the number of entries (0 means 65,536), the first input, and the bits per entry.
  // `inputs` is the range of the values to look up; with `to_unit` the entries are scaled to [0, 1].
  LookupTable lookup_table(DcmItem& item, const std::string& name, std::pair<double, double> inputs, bool to_unit);

  // The first input of a LUT. Whether it is signed follows from its VR or, in files of implicit VR, from the inputs. If
  // the whole table then lies outside the range of the inputs, but would not with the other interpretation, the other
  // interpretation is used.
  int first_input(DcmElement& descriptor, int entries, std::pair<double, double> inputs, const std::string& name);

  std::optional<Window> window(DcmItem& item);

  std::vector<std::string> notes_;
  bool implicit_vr_ = false;
  bool monochrome1_ = false;
  bool signed_ = false;
  std::size_t height_ = 0;
  std::size_t width_ = 0;
};

}  // namespace egaze::detail
