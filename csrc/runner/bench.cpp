#include "bench.hpp"

#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

#include "egaze/radiograph.hpp"
#include "json.hpp"

namespace egaze::runner {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

// Median and quartiles by the nearest rank.
std::string quartiles_json(std::vector<double> times_s) {
  std::ranges::sort(times_s);
  const auto at = [&](double part) {
    return json_number(times_s[static_cast<std::size_t>(std::lround(part * static_cast<double>(times_s.size() - 1)))]);
  };
  return "{\"median_s\": " + at(0.5) + ", \"quartile_low_s\": " + at(0.25) + ", \"quartile_high_s\": " + at(0.75) + "}";
}

// On Linux, the maximum of getrusage includes the process that executed this program, so /proc is read first.
double peak_rss_mb() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmHWM:")) return std::strtod(line.c_str() + 6, nullptr) / 1024.0;
  }
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) / 1024.0;
}

}  // namespace

std::string bench_json(const Arguments& arguments, const std::string& image_path) {
  const Clock::time_point loading = Clock::now();
  Predictor predictor(arguments.model, arguments.predictor);
  const double load_s = seconds_since(loading);
  const ModelSpec& spec = predictor.spec();

  std::vector<double> read_s, predict_s, model_s;
  Prediction prediction;
  StoredRadiograph read;
  for (int repeat = -1; repeat < arguments.bench; ++repeat) {
    const Clock::time_point start = Clock::now();
    read = read_stored(image_path, spec.presentation);
    const double until_read_s = seconds_since(start);
    prediction = predictor.predict(read);
    if (repeat < 0) continue;  // the first repetition warms up
    read_s.push_back(until_read_s);
    predict_s.push_back(seconds_since(start));
  }
  // Radiographs of the size of the model's input, so that practically only the model takes time.
  const Prediction& map = prediction;
  const std::vector<RadiographView> radiographs(
      static_cast<std::size_t>(arguments.batch),
      RadiographView{ImageView::dense(map.heatmap.data(), PixelType::float32, map.heatmap_height, map.heatmap_width)});
  for (int repeat = -2; repeat < arguments.bench; ++repeat) {
    const Clock::time_point start = Clock::now();
    const std::vector<Prediction> predictions = predictor.predict(radiographs);
    if (repeat >= 0) model_s.push_back(seconds_since(start));
  }

  std::string json = "{\"load_s\": " + json_number(load_s) + ", \"read_s\": " + quartiles_json(read_s) +
                     ", \"predict_s\": " + quartiles_json(predict_s) + ", \"model_s\": " + quartiles_json(model_s) +
                     ", \"peak_rss_mb\": " + json_number(peak_rss_mb()) + ", \"class_probs\": [";
  for (std::size_t i = 0; i < prediction.class_probs.size(); ++i) {
    json += (i == 0 ? "" : ", ") + json_number(prediction.class_probs[i]);
  }
  return json + "]}\n";
}

}  // namespace egaze::runner
