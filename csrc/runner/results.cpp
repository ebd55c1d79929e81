#include "results.hpp"

#include <algorithm>
#include <string_view>

#include "json.hpp"

namespace egaze::runner {
namespace {

std::string json_entry(const ModelSpec& spec, const Result& result) {
  std::string json = "{\"image\": " + json_string(result.image);
  if (!result.error.empty()) return json + ", \"error\": " + json_string(result.error) + "}";
  json += ", \"class_probs\": {";
  for (std::size_t i = 0; i < spec.class_names.size(); ++i) {
    json += (i == 0 ? "" : ", ") + json_string(spec.class_names[i]) + ": " + json_number(result.class_probs[i]);
  }
  json += "}, \"notes\": [";
  for (std::size_t i = 0; i < result.notes.size(); ++i) json += (i == 0 ? "" : ", ") + json_string(result.notes[i]);
  json += ']';
  if (result.heatmap_peak) {
    json += ", \"heatmap_peak\": {\"x\": " + json_number(result.heatmap_peak->x) +
            ", \"y\": " + json_number(result.heatmap_peak->y) + "}";
  }
  if (result.files) {
    json += ", \"heatmap_npy\": " + json_string(result.files->npy) +
            ", \"heatmap_png\": " + json_string(result.files->png) +
            ", \"overlay_png\": " + json_string(result.files->overlay);
  }
  return json + "}";
}

void add_cell(std::string& csv, std::string_view said) {
  const std::string text = valid_utf8(said);
  csv += ',';
  if (text.find_first_of(",\"\r\n") == std::string::npos) {
    csv += text;
    return;
  }
  csv += '"';
  for (const char letter : text) csv.append(letter == '"' ? 2 : 1, letter);
  csv += '"';
}

}  // namespace

Peak heatmap_peak(const Prediction& prediction) {
  const auto peak = std::ranges::max_element(prediction.heatmap) - prediction.heatmap.begin();
  const std::size_t row = static_cast<std::size_t>(peak) / prediction.heatmap_width;
  const std::size_t column = static_cast<std::size_t>(peak) % prediction.heatmap_width;
  return {(static_cast<double>(column) + 0.5) / static_cast<double>(prediction.heatmap_width),
          (static_cast<double>(row) + 0.5) / static_cast<double>(prediction.heatmap_height)};
}

std::string joined(const std::vector<std::string>& notes) {
  std::string text;
  for (const std::string& note : notes) text += (text.empty() ? "" : "; ") + note;
  return text;
}

std::string results_json(const std::string& model, const ModelSpec& spec, const std::vector<Result>& results) {
  std::string json = "{\"model\": " + json_string(model) + ", \"egaze_version\": " + json_string(EGAZE_VERSION) +
                     ", \"class_names\": [";
  for (std::size_t i = 0; i < spec.class_names.size(); ++i) {
    json += (i == 0 ? "" : ", ") + json_string(spec.class_names[i]);
  }
  json += "], \"predictions\": [";
  for (std::size_t i = 0; i < results.size(); ++i) json += (i == 0 ? "\n  " : ",\n  ") + json_entry(spec, results[i]);
  return json + "\n]}\n";
}

std::string results_csv(const ModelSpec& spec, const std::vector<Result>& results) {
  std::string csv = "image";
  for (const std::string& name : spec.class_names) add_cell(csv, "prob_" + name);
  csv += ",peak_x,peak_y,heatmap_npy,heatmap_png,overlay_png,error,notes\r\n";
  for (const Result& result : results) {
    std::string line;
    add_cell(line, result.image);
    for (std::size_t i = 0; i < spec.class_names.size(); ++i) {
      add_cell(line, result.error.empty() ? json_number(result.class_probs[i]) : "");
    }
    const auto& peak = result.heatmap_peak;
    add_cell(line, peak ? json_number(peak->x) : "");
    add_cell(line, peak ? json_number(peak->y) : "");
    const HeatmapFiles files = result.files.value_or(HeatmapFiles{});
    const std::string notes = result.error.empty() ? joined(result.notes) : "";
    for (const std::string& text : {files.npy, files.png, files.overlay, result.error, notes}) add_cell(line, text);
    csv.append(line, 1);
    csv += "\r\n";
  }
  return csv;
}

}  // namespace egaze::runner
