// Writes predictions as DICOM objects.
#pragma once

#include <string>

#include "egaze/model_spec.hpp"
#include "egaze/predictor.hpp"
#include "egaze/radiograph.hpp"

namespace egaze::runner {

// A folder to which Secondary Captures are written.
class DicomFolder {
 public:
  // Checks that this build can write DICOM, that the model makes heatmaps, and that the folder can be written to. Throws
  // std::runtime_error with one line otherwise.
  DicomFolder(const std::string& folder, const std::string& model, const ModelSpec& spec);

  // Writes FOLDER/NAME_sc.dcm, the heatmap on the radiograph as a Secondary Capture of the study of the DICOM image at
  // the path `image`, with the same elements and pixels as Python's egaze.dicom_objects. A file that holds the same
  // object already is left as it is. Throws egaze::Error if the image is not DICOM or lacks what an object needs, and
  // std::runtime_error if the file cannot be written, both with one line.
  std::string write(const std::string& name, const std::string& image, const ModelSpec& spec,
                    const Prediction& prediction);

 private:
  std::string folder_;
};

}  // namespace egaze::runner
