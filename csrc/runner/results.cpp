#include "results.hpp"

#include <algorithm>
#include <span>
#include <string_view>

#include "json.hpp"

namespace egaze::runner {
namespace {

// An object with one item per class.
std::string json_by_class(const ModelSpec& spec, const auto& items, const auto& text_of) {
  std::string json = "{";
  for (std::size_t i = 0; i < items.size(); ++i) {
    json += (i == 0 ? "" : ", ") + json_string(spec.class_names[i]) + ": " + text_of(items[i]);
  }
  return json + "}";
}

std::string json_peak(const Peak& peak) {
  return "{\"x\": " + json_number(peak.x) + ", \"y\": " + json_number(peak.y) + "}";
}

std::string json_entry(const ModelSpec& spec, const Result& result, bool thresholds) {
  std::string json = "{\"image\": " + json_string(result.image);
  if (!result.error.empty()) return json + ", \"error\": " + json_string(result.error) + "}";
  json += ", \"class_probs\": " + json_by_class(spec, result.class_probs, [](float prob) { return json_number(prob); });
  if (thresholds) {
    json += ", \"above_threshold\": " +
            json_by_class(spec, above_thresholds(spec, result.class_probs), [](const std::optional<bool>& is_above) {
              return is_above ? std::string(*is_above ? "true" : "false") : std::string("null");
            });
  }
  json += ", \"notes\": [";
  for (std::size_t i = 0; i < result.notes.size(); ++i) json += (i == 0 ? "" : ", ") + json_string(result.notes[i]);
  json += ']';
  if (result.heatmap_peak) json += ", \"heatmap_peak\": " + json_peak(*result.heatmap_peak);
  if (result.files) {
    json += ", \"heatmap_npy\": " + json_string(result.files->npy) +
            ", \"heatmap_png\": " + json_string(result.files->png) +
            ", \"overlay_png\": " + json_string(result.files->overlay);
  }
  if (!result.class_peaks.empty()) {
    json += ", \"class_heatmap_peaks\": " + json_by_class(spec, result.class_peaks, json_peak);
    if (result.files) {
      json += ", \"class_heatmaps_npy\": " + json_string(result.files->class_npy) +
              ", \"class_heatmap_pngs\": " + json_by_class(spec, result.files->class_pngs, json_string);
    }
  }
  if (!result.dicom_file.empty()) json += ", \"dicom_files\": [" + json_string(result.dicom_file) + "]";
  return json + "}";
}

Peak peak_of(std::span<const float> heatmap, const Prediction& shape) {
  const auto peak = static_cast<std::size_t>(std::ranges::max_element(heatmap) - heatmap.begin());
  const std::size_t row = peak / shape.heatmap_width, column = peak % shape.heatmap_width;
  return {(static_cast<double>(column) + 0.5) / static_cast<double>(shape.heatmap_width),
          (static_cast<double>(row) + 0.5) / static_cast<double>(shape.heatmap_height)};
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

Peak heatmap_peak(const Prediction& prediction) { return peak_of(prediction.heatmap, prediction); }

std::vector<Peak> class_heatmap_peaks(const Prediction& prediction) {
  const std::size_t pixels = prediction.heatmap.size();
  std::vector<Peak> peaks;
  for (std::size_t begin = 0; begin < prediction.class_heatmaps.size(); begin += pixels) {
    peaks.push_back(peak_of(std::span(prediction.class_heatmaps).subspan(begin, pixels), prediction));
  }
  return peaks;
}

std::string joined(const std::vector<std::string>& notes) {
  std::string text;
  for (const std::string& note : notes) text += (text.empty() ? "" : "; ") + note;
  return text;
}

std::string results_json(const std::string& model, const ModelSpec& spec, const std::vector<Result>& results,
                         Asked asked) {
  std::string json = "{\"model\": " + json_string(model) + ", \"egaze_version\": " + json_string(EGAZE_VERSION) +
                     ", \"class_names\": [";
  for (std::size_t i = 0; i < spec.class_names.size(); ++i) {
    json += (i == 0 ? "" : ", ") + json_string(spec.class_names[i]);
  }
  json += "], \"label_kind\": " + json_string(spec.label_kind);
  if (asked.thresholds) {
    json += ", \"threshold_rule\": " + json_string(spec.threshold_rule) +
            ", \"thresholds\": " + json_by_class(spec, spec.thresholds, [](const std::optional<double>& threshold) {
              return threshold ? json_number(*threshold) : std::string("null");
            });
  }
  json += ", \"predictions\": [";
  for (std::size_t i = 0; i < results.size(); ++i)
    json += (i == 0 ? "\n  " : ",\n  ") + json_entry(spec, results[i], asked.thresholds);
  return json + "\n]}\n";
}

std::string results_csv(const ModelSpec& spec, const std::vector<Result>& results, Asked asked) {
  std::string csv = "image";
  for (const std::string& name : spec.class_names) add_cell(csv, "prob_" + name);
  if (asked.thresholds) {
    for (const std::string& name : spec.class_names) add_cell(csv, "above_threshold_" + name);
  }
  csv += ",peak_x,peak_y,heatmap_npy,heatmap_png,overlay_png";
  if (asked.class_heatmaps) {
    for (const std::string& name : spec.class_names) {
      add_cell(csv, "peak_x_" + name);
      add_cell(csv, "peak_y_" + name);
    }
    csv += ",class_heatmaps_npy";
    for (const std::string& name : spec.class_names) add_cell(csv, "class_heatmap_png_" + name);
  }
  csv += ",error,notes\r\n";
  for (const Result& result : results) {
    std::string line;
    add_cell(line, result.image);
    for (std::size_t i = 0; i < spec.class_names.size(); ++i) {
      add_cell(line, result.error.empty() ? json_number(result.class_probs[i]) : "");
    }
    if (asked.thresholds) {
      const bool failed = !result.error.empty();
      const auto above = failed ? std::vector<std::optional<bool>>(spec.class_names.size())
                                : above_thresholds(spec, result.class_probs);
      for (const std::optional<bool>& is_above : above) add_cell(line, !is_above ? "" : *is_above ? "1" : "0");
    }
    const auto& peak = result.heatmap_peak;
    add_cell(line, peak ? json_number(peak->x) : "");
    add_cell(line, peak ? json_number(peak->y) : "");
    const HeatmapFiles files = result.files.value_or(HeatmapFiles{});
    const std::string notes = result.error.empty() ? joined(result.notes) : "";
    for (const std::string& text : {files.npy, files.png, files.overlay}) add_cell(line, text);
    if (asked.class_heatmaps) {
      for (std::size_t i = 0; i < spec.class_names.size(); ++i) {
        const bool has = i < result.class_peaks.size();
        add_cell(line, has ? json_number(result.class_peaks[i].x) : "");
        add_cell(line, has ? json_number(result.class_peaks[i].y) : "");
      }
      add_cell(line, files.class_npy);
      for (std::size_t i = 0; i < spec.class_names.size(); ++i) {
        add_cell(line, i < files.class_pngs.size() ? files.class_pngs[i] : "");
      }
    }
    add_cell(line, result.error);
    add_cell(line, notes);
    csv.append(line, 1);
    csv += "\r\n";
  }
  return csv;
}

}  // namespace egaze::runner
