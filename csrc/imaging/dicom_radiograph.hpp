// A DICOM radiograph's header and pixels, through DCMTK. Sections are those of DICOM PS3.3.
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

// One monochrome frame. All throw Error(unreadable_image).
class DicomRadiograph : private DicomElements {
 public:
  explicit DicomRadiograph(const std::string& path);

  // The pixels, decoded (dicom_pixels.cpp).
  WordRadiograph words();

  // How the file wants them to be shown (dicom_grayscale.cpp).
  DicomGrayscale grayscale(Presentation presentation);

  // What the file says that was not taken at its word, in Python's words.
  const std::vector<std::string>& notes() const { return notes_; }

 private:
  struct Named {
    DcmTagKey tag;
    std::string name;
  };

  WordLayout word_layout();

  OFCondition decode(const DcmXfer& syntax);

  // The coded frame, whose fragments may be cut anywhere.
  std::vector<std::uint8_t> coded_frame(const DcmXfer& syntax);

  // DCMTK's decoders do not compare what the codestream holds with what the header says.
  void check_codestream(const DcmXfer& syntax);

  WordRadiograph run_length_words(const DcmXfer& syntax);

  template <class Word>
  WordRadiograph radiograph_of(const Word* words, std::size_t count, const WordLayout& layout) const;

  // The Modality LUT, or else Rescale.
  void modality(DicomGrayscale& grayscale);

  // The radiograph's first VOI transform.
  void voi(DicomGrayscale& grayscale);

  // It repeats what Photometric Interpretation says (C.8.11.3). Where it does not, it is not followed: radiographs are
  // known in which it is wrong.
  void presentation_lut_shape();

  // Two numbers that only count together.
  std::optional<std::pair<double, double>> both(DcmItem& item, const Named& one, const Named& other);

  // An element of one word that is a stored value, signed as these are.
  std::optional<int> stored_value(const DcmTagKey& tag);

  // The least and greatest of what Modality LUT or Rescale make of the values that the bits stored can hold.
  std::pair<double, double> measured_range(const DicomGrayscale& grayscale);

  // LUT Descriptor: number of entries (0 means 65,536), first input, bits of an entry. Scaled to [0, 1] if asked.
  // `inputs` are the least and the greatest that it may be given.
  LookupTable lookup_table(DcmItem& item, const std::string& name, std::pair<double, double> inputs, bool to_unit);

  // The first input, signed as its VR says, or as the inputs are where it has none (implicit files). Where that lays
  // the whole table beside the inputs and the other reading does not, the VR is wrong.
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
