// egaze-run: films in, JSON and heatmaps out.
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <exception>
#include <optional>
#include <string>

#include "arguments.hpp"
#include "egaze/predictor.hpp"
#include "egaze/radiograph.hpp"
#include "heatmap_files.hpp"
#include "json.hpp"

namespace {

using namespace egaze;
using namespace egaze::runner;

constexpr int kDone = 0, kFailed = 1, kWrongUsage = 2;

void print_error(const std::string& message) { std::fprintf(stderr, "egaze-run: %s\n", message.c_str()); }

bool print_result(const std::string& text) {
  return std::fwrite(text.data(), 1, text.size(), stdout) == text.size() && std::fflush(stdout) == 0;
}

std::string formats() {
  std::string text;
  for (const FileFormat& format : file_formats()) {
    text += format.name + ": ";
    text += format.readable ? "yes\n" : "no, needs " + format.missing + " (" + format.install_line + ")\n";
  }
  return text;
}

// The peak's place on the model's canvas: 0 is the left or top edge, 1 the right or bottom.
std::string peak_json(const Prediction& prediction) {
  const auto peak = std::ranges::max_element(prediction.heatmap) - prediction.heatmap.begin();
  const auto index = static_cast<std::size_t>(peak);
  const double x = (static_cast<double>(index % prediction.heatmap_width) + 0.5) /
                   static_cast<double>(prediction.heatmap_width);
  const double y = (static_cast<double>(index / prediction.heatmap_width) + 0.5) /
                   static_cast<double>(prediction.heatmap_height);
  return "{\"x\": " + json_number(x) + ", \"y\": " + json_number(y) + "}";
}

// The fields of one film's entry, after its path: those of the heatmap only from a model that predicts one.
std::string prediction_json(Predictor& predictor, const std::string& image, HeatmapFolder* folder) {
  const ModelSpec& spec = predictor.spec();
  const Radiograph film = read_radiograph(image, spec.presentation);
  const Prediction prediction = predictor.predict(film.view());
  std::string json = "\"class_probs\": {";
  for (std::size_t i = 0; i < spec.class_names.size(); ++i) {
    json += (i == 0 ? "" : ", ") + json_string(spec.class_names[i]) + ": " + json_number(prediction.class_probs[i]);
  }
  json += "}";
  if (!spec.heatmap_head) return json;
  json += ", \"heatmap_peak\": " + peak_json(prediction);
  if (folder != nullptr) {
    const HeatmapFiles files = folder->write(image, film.height, film.width, spec, prediction);
    json += ", \"heatmap_npy\": " + json_string(files.npy) + ", \"heatmap_png\": " + json_string(files.png);
  }
  return json;
}

int predict(const Arguments& arguments) {
  std::optional<HeatmapFolder> folder;
  if (arguments.out_folder) folder.emplace(*arguments.out_folder);
  PredictorOptions options;
  options.device = arguments.device;
  options.threads = arguments.threads;
  Predictor predictor(arguments.model, options);

  std::string json = "{\"model\": " + json_string(arguments.model) +
                     ", \"egaze_version\": " + json_string(EGAZE_VERSION) + ", \"class_names\": [";
  const auto& names = predictor.spec().class_names;
  for (std::size_t i = 0; i < names.size(); ++i) json += (i == 0 ? "" : ", ") + json_string(names[i]);
  json += "], \"predictions\": [";

  const std::size_t count = arguments.images.size();
  const bool progress = count > 1 && isatty(STDERR_FILENO);
  bool failed = false;
  for (std::size_t i = 0; i < count; ++i) {
    const std::string& image = arguments.images[i];
    json += (i == 0 ? "\n  {\"image\": " : ",\n  {\"image\": ") + json_string(image) + ", ";
    try {
      json += prediction_json(predictor, image, folder ? &*folder : nullptr);
    } catch (const std::exception& error) {
      json += "\"error\": " + json_string(error.what());
      print_error(error.what());
      failed = true;
    }
    json += "}";
    if (progress) std::fprintf(stderr, "\r%zu of %zu films%s", i + 1, count, i + 1 == count ? "\n" : "");
  }
  json += "\n]}\n";
  if (!print_result(json)) {
    print_error("cannot write to standard output");
    return kFailed;
  }
  return failed ? kFailed : kDone;
}

}  // namespace

int main(int argc, char** argv) {
  Arguments arguments;
  try {
    arguments = parse_arguments({argv + 1, static_cast<std::size_t>(std::max(argc - 1, 0))});
  } catch (const std::exception& error) {
    print_error(std::string(error.what()) + " (see egaze-run --help)");
    return kWrongUsage;
  }
  try {
    switch (arguments.action) {
      case Arguments::Action::help: return print_result(std::string(usage())) ? kDone : kFailed;
      case Arguments::Action::formats: return print_result(formats()) ? kDone : kFailed;
      case Arguments::Action::version:
        return print_result("egaze-run " EGAZE_VERSION ", torch " + torch_version() + "\n" + formats()) ? kDone
                                                                                                       : kFailed;
      case Arguments::Action::predict: return predict(arguments);
    }
  } catch (const std::exception& error) {
    print_error(error.what());
  }
  return kFailed;
}
