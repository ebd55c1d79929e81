#include "dicom_folder.hpp"

#include <stdexcept>

#include "output_files.hpp"

#if EGAZE_HAVE_DCMTK

#include "source_image.hpp"

#include <dcmtk/dcmdata/dcuid.h>

#include <algorithm>
#include <ctime>
#include <filesystem>
#include <system_error>

#include "dcmtk_log.hpp"
#include "egaze/error.hpp"
#include "egaze/marked_overlay.hpp"
#include "egaze/resize.hpp"
#include "heatmap_colours.hpp"
#include "heatmap_files.hpp"
#include "object_uids.hpp"

#endif

namespace egaze::runner {

#if EGAZE_HAVE_DCMTK

namespace {

namespace fs = std::filesystem;

constexpr char kMark[] = "Research use, not for diagnosis";
constexpr std::size_t kLongestPx = 65535;  // Rows and Columns are words of 16 bits

void put(DcmItem& item, const DcmTagKey& tag, const std::string& value) {
  item.putAndInsertString(tag, value.data(), static_cast<Uint32>(value.size()));
}

// Computed like Python's egaze.dicom_objects.drawing.marked_overlay.
MarkedOverlay picture_of(const StoredRadiograph& radiograph, const ModelSpec& spec, const Prediction& prediction) {
  const FitRectangle where = radiograph_on_heatmap(radiograph, spec);
  ImageView part = ImageView::dense(prediction.heatmap.data(), PixelType::float32, prediction.heatmap_height,
                                    prediction.heatmap_width);
  const float* first = prediction.heatmap.data() + where.top_px * prediction.heatmap_width + where.left_px;
  part.data = first;
  part.height = where.height_px;
  part.width = where.width_px;
  float peak = 0.0f;
  for (std::size_t y = 0; y < part.height; ++y) {
    const float* row = first + y * prediction.heatmap_width;
    peak = std::max(peak, *std::max_element(row, row + part.width));
  }
  const std::size_t pixels = radiograph.height * radiograph.width;
  std::vector<std::uint8_t> grey(pixels), levels(pixels);
  ResizeOptions shown;
  shown.scale = 255.0f;
  shown.table = radiograph.table;
  resize(radiograph.view(), radiograph.height, radiograph.width, PixelType::uint8, shown, grey.data());
  ResizeOptions heat;
  heat.filter = Filter::bilinear;
  heat.scale = peak > 0.0f ? 255.0f / peak : 0.0f;
  resize(part, radiograph.height, radiograph.width, PixelType::uint8, heat, levels.data());
  return marked_overlay(grey, levels, radiograph.height, radiograph.width, kHeatmapColours, peak);
}

// The UIDs of the series and of the object, as Python's Context.uids computes them.
std::pair<std::string, std::string> uids(const SourceImage& source, const ModelSpec& spec,
                                         const MarkedOverlay& picture) {
  std::vector<std::string> series = {"sc", EGAZE_VERSION, spec.model_sha256, source.series_uid};
  for (const auto& [keyword, value] : source.identity) series.insert(series.end(), {keyword, value});
  std::vector<std::string> object = {uid_of(series), source.sop_class_uid, source.sop_instance_uid,
                                     source.instance_number};
  for (const auto& [keyword, value] : source.pixels) object.insert(object.end(), {keyword, value});
  object.insert(object.end(), {std::to_string(picture.height), std::to_string(picture.width),
                               std::string(picture.rgb.begin(), picture.rgb.end())});
  return {object.front(), uid_of(object)};
}

void add_source(DcmItem& dataset, const SourceImage& source) {
  DcmItem* item = nullptr;
  DcmItem* purpose = nullptr;
  dataset.findOrCreateSequenceItem(DCM_SourceImageSequence, item, -2);
  put(*item, DCM_ReferencedSOPClassUID, source.sop_class_uid);
  put(*item, DCM_ReferencedSOPInstanceUID, source.sop_instance_uid);
  put(*item, DCM_SpatialLocationsPreserved, "YES");
  item->findOrCreateSequenceItem(DCM_PurposeOfReferenceCodeSequence, purpose, -2);
  put(*purpose, DCM_CodeValue, "121322");
  put(*purpose, DCM_CodingSchemeDesignator, "DCM");
  put(*purpose, DCM_CodeMeaning, "Source image for image processing operation");
}

void add_time(DcmItem& dataset) {
  const std::time_t now = std::time(nullptr);
  std::tm local{};
  localtime_r(&now, &local);
  char date[9], time[7];
  std::strftime(date, sizeof date, "%Y%m%d", &local);
  std::strftime(time, sizeof time, "%H%M%S", &local);
  for (const DcmTagKey& tag : {DCM_InstanceCreationDate, DCM_ContentDate}) put(dataset, tag, date);
  for (const DcmTagKey& tag : {DCM_InstanceCreationTime, DCM_ContentTime}) put(dataset, tag, time);
}

// The same elements as in egaze/dicom_objects/secondary_capture.py.
void fill(DcmDataset& dataset, const SourceImage& source, const ModelSpec& spec, const MarkedOverlay& picture) {
  const auto [series_uid, instance_uid] = uids(source, spec, picture);
  put(dataset, DCM_SOPClassUID, UID_SecondaryCaptureImageStorage);
  put(dataset, DCM_SOPInstanceUID, instance_uid);
  put(dataset, DCM_Modality, "OT");
  put(dataset, DCM_SeriesInstanceUID, series_uid);
  put(dataset, DCM_SeriesNumber, "9001");
  put(dataset, DCM_SeriesDescription, std::string("Heatmap overlay. ") + kMark);
  put(dataset, DCM_InstanceNumber, source.instance_number);
  put(dataset, DCM_Manufacturer, "egaze");
  put(dataset, DCM_ManufacturerModelName, spec.recipe.substr(0, 64));
  put(dataset, DCM_DeviceSerialNumber, spec.model_sha256);
  put(dataset, DCM_SoftwareVersions, EGAZE_VERSION);
  put(dataset, DCM_ConversionType, "WSD");
  put(dataset, DCM_ImageType, "DERIVED\\SECONDARY");
  put(dataset, DCM_ImageComments, kMark);
  put(dataset, DCM_DerivationDescription, "Heatmap predicted by a model, laid on the radiograph");
  add_source(dataset, source);
  source.copy(dataset);
  add_time(dataset);
  put(dataset, DCM_PhotometricInterpretation, "RGB");
  const auto word = [&dataset](const DcmTagKey& tag, std::size_t value) {
    dataset.putAndInsertUint16(tag, static_cast<Uint16>(value));
  };
  word(DCM_SamplesPerPixel, 3);
  word(DCM_PlanarConfiguration, 0);
  word(DCM_Rows, picture.height);
  word(DCM_Columns, picture.width);
  word(DCM_BitsAllocated, 8);
  word(DCM_BitsStored, 8);
  word(DCM_HighBit, 7);
  word(DCM_PixelRepresentation, 0);
  const OFCondition pixels =
      dataset.putAndInsertUint8Array(DCM_PixelData, picture.rgb.data(), static_cast<unsigned long>(picture.rgb.size()));
  if (pixels.bad()) throw std::runtime_error(std::string("the pixels cannot be written: ") + pixels.text());
}

// Whether a file holds an object of this UID, whole: only times differ, which are equally long.
bool holds(const fs::path& path, const std::string& instance_uid, std::uintmax_t size_bytes) {
  std::error_code error;
  if (fs::file_size(path, error) != size_bytes || error) return false;
  DcmFileFormat file;
  OFString found;
  return file.loadFileUntilTag(path.c_str(), EXS_Unknown, EGL_noChange, DCM_MaxReadLength, ERM_autoDetect,
                               DCM_StudyInstanceUID)
             .good() &&
         file.getDataset()->findAndGetOFString(DCM_SOPInstanceUID, found).good() && found == instance_uid.c_str();
}

void save(DcmFileFormat& file, const fs::path& path) {
  OFString instance_uid;
  file.getDataset()->findAndGetOFString(DCM_SOPInstanceUID, instance_uid);
  fs::path unfinished = path;
  unfinished += ".part";
  std::error_code error;
  const OFCondition saved =
      file.saveFile(unfinished.c_str(), EXS_LittleEndianExplicit, EET_UndefinedLength, EGL_withoutGL);
  if (saved.good() && !holds(path, instance_uid.c_str(), fs::file_size(unfinished, error))) {
    fs::rename(unfinished, path, error);
  }
  std::error_code ignored;
  fs::remove(unfinished, ignored);
  if (saved.bad()) throw std::runtime_error(path.string() + ": cannot be written: " + saved.text());
  if (error) throw std::runtime_error(path.string() + ": cannot be written: " + error.message());
}

}  // namespace

DicomFolder::DicomFolder(const std::string& folder, const std::string& model, const ModelSpec& spec)
    : folder_(writable_folder(folder)) {
  if (!spec.heatmap_head) {
    throw std::runtime_error(model +
                             " makes no heatmaps, so a Secondary Capture (sc) cannot be made of its predictions");
  }
}

std::string DicomFolder::write(const std::string& name, const std::string& image, const ModelSpec& spec,
                               const Prediction& prediction) {
  const detail::QuietDcmtk quiet;
  const SourceImage source(image);
  // As a viewer shows it, whatever the model's presentation.
  const MarkedOverlay picture = picture_of(read_stored(image, Presentation::voi), spec, prediction);
  if (std::max(picture.height, picture.width) > kLongestPx) {
    throw Error(ErrorCode::unreadable_image, image + ": a picture of " + std::to_string(picture.height) + "x" +
                                                 std::to_string(picture.width) + " pixels is longer than DICOM's " +
                                                 std::to_string(kLongestPx));
  }
  DcmFileFormat file;
  fill(*file.getDataset(), source, spec, picture);
  fs::create_directories(folder_);
  const fs::path path = fs::path(folder_) / (name + "_sc.dcm");
  save(file, path);
  return path.string();
}

#else

DicomFolder::DicomFolder(const std::string& /*folder*/, const std::string& /*model*/, const ModelSpec& /*spec*/) {
  throw std::runtime_error(
      "--dicom-out: this egaze-run was built without DCMTK, so it writes no DICOM (Debian, Ubuntu: apt-get install "
      "libdcmtk-dev, then build it again)");
}

std::string DicomFolder::write(const std::string& /*name*/, const std::string& /*image*/, const ModelSpec& /*spec*/,
                               const Prediction& /*prediction*/) {
  return {};
}

#endif

}  // namespace egaze::runner
