// egaze-run: predicts radiographs and prints the results as JSON or CSV.
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <exception>
#include <fstream>
#include <optional>
#include <span>
#include <sstream>
#include <string>
#include <vector>

#include "results.hpp"
#include "arguments.hpp"
#include "bench.hpp"
#include "dicom_folder.hpp"
#include "egaze/error.hpp"
#include "egaze/predictor.hpp"
#include "egaze/radiograph.hpp"
#include "radiograph_list.hpp"
#include "heatmap_files.hpp"
#include "output_names.hpp"
#include "passive_waiting.hpp"

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

std::string read_text(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  if (!file || !(text << file.rdbuf())) throw Error(ErrorCode::file_not_found, path + ": cannot be read as a key");
  return text.str();
}

struct ReadRadiograph {
  std::size_t result = 0;  // the index of its result
  StoredRadiograph radiograph;
};

// The predictions of a batch, or none if it fails.
std::optional<std::vector<Prediction>> batch_predictions(Predictor& predictor,
                                                         std::span<const RadiographView> radiographs) {
  try {
    return predictor.predict(radiographs);
  } catch (const Error&) {
    return std::nullopt;
  }
}

// Predicts the radiographs that were read. If the batch fails, they are predicted one by one, so that an error is
// attributed to the radiograph that causes it.
std::vector<std::optional<Prediction>> predictions(Predictor& predictor, const std::vector<ReadRadiograph>& read,
                                                   std::vector<Result>& results) {
  std::vector<RadiographView> radiographs;
  radiographs.reserve(read.size());
  for (const ReadRadiograph& each : read) radiographs.push_back({each.radiograph.view(), each.radiograph.table});
  std::vector<std::optional<Prediction>> found(read.size());
  if (read.size() > 1) {
    if (std::optional<std::vector<Prediction>> all = batch_predictions(predictor, radiographs)) {
      std::ranges::move(*all, found.begin());
      return found;
    }
  }
  for (std::size_t i = 0; i < read.size(); ++i) {
    try {
      found[i] = predictor.predict(radiographs[i]);
    } catch (const Error& error) {
      results[read[i].result].error = error.what();
    }
  }
  return found;
}

// The heatmaps that could not be written. A full disk is not the fault of a radiograph, and the results remain valid,
// so it is reported once.
struct Unwritten {
  std::size_t radiographs = 0;
  std::string first_error;
};

// Reads the radiographs of results [begin, end) and predicts them.
void predict(Predictor& predictor, HeatmapFolder* folder, DicomFolder* dicom, std::vector<Result>& results,
             std::size_t begin, std::size_t end, Unwritten& unwritten) {
  const ModelSpec& spec = predictor.spec();
  std::vector<ReadRadiograph> read;
  for (std::size_t i = begin; i < end; ++i) {
    try {
      read.push_back({i, read_stored(results[i].image, spec.presentation)});
      results[i].notes = read.back().radiograph.notes;
    } catch (const Error& error) {
      results[i].error = error.what();
    }
  }
  const std::vector<std::optional<Prediction>> found = predictions(predictor, read, results);
  for (std::size_t i = 0; i < read.size(); ++i) {
    const std::optional<Prediction>& prediction = found[i];
    if (!prediction) continue;
    Result& result = results[read[i].result];
    result.class_probs = prediction->class_probs;
    if (!spec.heatmap_head) continue;
    result.heatmap_peak = heatmap_peak(*prediction);
    result.class_peaks = class_heatmap_peaks(*prediction);
    try {
      if (folder != nullptr) result.files = folder->write(result.name, read[i].radiograph, spec, *prediction);
    } catch (const std::exception& error) {
      if (unwritten.radiographs++ == 0) unwritten.first_error = error.what();
    }
    try {
      if (dicom != nullptr) result.dicom_file = dicom->write(result.name, result.image, spec, *prediction);
    } catch (const std::exception& error) {
      result.dicom_error = error.what();
    }
  }
}

int predict(const Arguments& arguments) {
  const std::vector<std::string> radiographs = radiograph_list(arguments.images);
  if (arguments.bench > 0) return print_result(bench_json(arguments, radiographs.front())) ? kDone : kFailed;
  std::optional<HeatmapFolder> folder;
  if (arguments.out_folder) folder.emplace(*arguments.out_folder);
  Predictor predictor(arguments.model, arguments.predictor);
  if (arguments.out_folder && !predictor.spec().heatmap_head) {
    print_error(arguments.model + " makes no heatmaps, so none are written to " + *arguments.out_folder);
  }

  std::optional<DicomFolder> dicom;
  if (arguments.dicom_folder) dicom.emplace(*arguments.dicom_folder, arguments.model, predictor.spec());
  if (arguments.thresholds && predictor.spec().thresholds.empty()) {
    print_error(arguments.model + " carries no thresholds; export it with --thresholds, or predict without it");
    return kFailed;
  }

  std::vector<Result> results(radiographs.size());
  const std::vector<std::string> names = output_names(radiographs);
  for (std::size_t i = 0; i < radiographs.size(); ++i) {
    results[i].image = radiographs[i];
    results[i].name = names[i];
  }
  const bool progress = radiographs.size() > 1 && isatty(STDERR_FILENO);
  const std::size_t batch = static_cast<std::size_t>(arguments.batch);
  bool failed = false;
  Unwritten unwritten;
  for (std::size_t begin = 0; begin < radiographs.size(); begin += batch) {
    const std::size_t end = std::min(radiographs.size(), begin + batch);
    predict(predictor, folder ? &*folder : nullptr, dicom ? &*dicom : nullptr, results, begin, end, unwritten);
    for (std::size_t i = begin; i < end; ++i) {
      if (!results[i].error.empty()) {
        print_error(results[i].error);
        failed = true;
      } else if (!results[i].notes.empty()) {
        print_error("note: " + results[i].image + ": " + joined(results[i].notes));
      }
      if (!results[i].dicom_error.empty()) {
        print_error(results[i].dicom_error);
        failed = true;
      }
    }
    if (progress)
      std::fprintf(stderr, "\r%zu of %zu radiographs%s", end, radiographs.size(),
                   end == radiographs.size() ? "\n" : "");
  }
  if (unwritten.radiographs > 0) {
    print_error(unwritten.first_error);
    print_error("heatmaps of " + std::to_string(unwritten.radiographs) + " of " + std::to_string(radiographs.size()) +
                " radiographs could not be written");
    failed = true;
  }
  const bool csv = arguments.output == Arguments::Output::csv;
  const Asked asked = {arguments.thresholds, arguments.predictor.class_heatmaps};
  if (!print_result(csv ? results_csv(predictor.spec(), results, asked)
                        : results_json(arguments.model, predictor.spec(), results, asked))) {
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
  if (arguments.action == Arguments::Action::predict) wait_passively();
  try {
    switch (arguments.action) {
      case Arguments::Action::help: return print_result(std::string(usage())) ? kDone : kFailed;
      case Arguments::Action::formats: return print_result(formats()) ? kDone : kFailed;
      case Arguments::Action::version:
        return print_result("egaze-run " EGAZE_VERSION ", " + engine_versions() + "\n" + formats()) ? kDone : kFailed;
      case Arguments::Action::predict:
        for (const std::string& path : arguments.trusted_keys) {
          arguments.predictor.trusted_keys.push_back(read_text(path));
        }
        return predict(arguments);
    }
  } catch (const std::exception& error) {
    print_error(error.what());
  }
  return kFailed;
}
