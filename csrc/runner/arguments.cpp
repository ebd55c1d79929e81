#include "arguments.hpp"

#include <algorithm>
#include <charconv>
#include <cstdint>

namespace egaze::runner {
namespace {

constexpr int kMaxThreads = 1024, kMaxBatch = 1024, kMaxRepeats = 1'000'000;

template <class Number>
Number parse_number(std::string_view option, std::string_view text, Number highest) {
  Number number = 0;
  const auto result = std::from_chars(text.data(), text.data() + text.size(), number);
  if (result.ec != std::errc() || result.ptr != text.data() + text.size() || number < 1 || number > highest) {
    throw UsageError(std::string(option) + " takes a number from 1 to " + std::to_string(highest) + ", got '" +
                     std::string(text) + "'");
  }
  return number;
}

Precision parse_precision(std::string_view text) {
  if (text == "exported") return Precision::exported;
  if (text == "fp32") return Precision::fp32;
  if (text == "bf16") return Precision::bf16;
  throw UsageError("--precision takes exported, fp32 or bf16, got '" + std::string(text) + "'");
}

std::string parse_engine(std::string_view text) {
  if (text == "torch" || text == "openvino") return std::string(text);
  throw UsageError("--engine takes torch or openvino, got '" + std::string(text) + "'");
}

// NAME=VALUE to the limit of that name.
void parse_limit(std::string_view text, ModelLimits& limits, std::vector<std::string_view>& given) {
  const std::string_view name = text.substr(0, text.find('='));
  const auto limit = std::ranges::find(kModelLimits, name, &ModelLimit::name);
  if (limit == kModelLimits.end() || name == text) {
    std::string known;
    for (const ModelLimit& each : kModelLimits) known += (known.empty() ? "" : ", ") + std::string(each.name);
    throw UsageError("--model-limit takes NAME=VALUE with one of " + known + ", got '" + std::string(text) + "'");
  }
  const std::string option = "--model-limit " + std::string(name);
  if (std::ranges::find(given, name) != given.end()) throw UsageError(option + " is given twice");
  given.push_back(name);
  limits.*limit->value = parse_number(option, text.substr(name.size() + 1), limit->largest);
}

}  // namespace

Arguments parse_arguments(std::span<const char* const> words) {
  Arguments arguments;
  std::vector<std::string> names;
  std::vector<std::string_view> limits;  // the names of those that were given
  bool options = true;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const std::string_view word = words[i];
    if (!options || !word.starts_with('-') || word == "-") {
      names.emplace_back(word);
      continue;
    }
    // "--name=value" and "--name value" are equivalent.
    const std::size_t equals = word.starts_with("--") ? word.find('=') : std::string_view::npos;
    const std::string_view name = word.substr(0, equals);
    const bool inline_value = equals != std::string_view::npos;
    const std::string_view flag = inline_value ? std::string_view() : word;  // an option that takes no value
    const auto value = [&]() -> std::string_view {
      if (inline_value) return word.substr(equals + 1);
      if (i + 1 == words.size()) throw UsageError(std::string(name) + " needs a value");
      return words[++i];
    };
    if (name == "--out") {
      arguments.out_folder = value();
    } else if (name == "--dicom-out") {
      arguments.dicom_folder = value();
    } else if (name == "--threads") {
      arguments.predictor.threads = parse_number(name, value(), kMaxThreads);
    } else if (name == "--device") {
      arguments.predictor.device = value();
    } else if (name == "--engine") {
      arguments.predictor.engine = parse_engine(value());
    } else if (name == "--precision") {
      arguments.predictor.precision = parse_precision(value());
    } else if (name == "--trust") {
      arguments.trusted_keys.emplace_back(value());
    } else if (name == "--model-limit") {
      parse_limit(value(), arguments.predictor.limits, limits);
    } else if (name == "--batch") {
      arguments.batch = parse_number(name, value(), kMaxBatch);
    } else if (name == "--bench") {
      arguments.bench = parse_number(name, value(), kMaxRepeats);
    } else if (flag == "--help" || flag == "-h") {
      arguments.action = Arguments::Action::help;
      return arguments;
    } else if (flag == "--version") {
      arguments.action = Arguments::Action::version;
      return arguments;
    } else if (flag == "--formats") {
      arguments.action = Arguments::Action::formats;
      return arguments;
    } else if (flag == "--no-tensor-arena") {
      arguments.predictor.tensor_arena = false;
    } else if (flag == "--thresholds") {
      arguments.thresholds = true;
    } else if (flag == "--class-heatmaps") {
      arguments.predictor.class_heatmaps = true;
    } else if (flag == "--json") {
      arguments.output = Arguments::Output::json;
    } else if (flag == "--csv") {
      arguments.output = Arguments::Output::csv;
    } else if (flag == "--") {
      options = false;
    } else {
      throw UsageError("unknown option '" + std::string(word) + "'");
    }
  }
  if (names.empty()) throw UsageError("MODEL and IMAGE are missing");
  if (names.size() == 1) throw UsageError("IMAGE is missing");
  arguments.model = names.front();
  arguments.images.assign(names.begin() + 1, names.end());
  return arguments;
}

std::string_view usage() {
  return R"(usage: egaze-run MODEL IMAGE... [--json|--csv] [--thresholds] [--class-heatmaps] [--out DIR]
                 [--dicom-out DIR] [--batch N] [--threads N] [--device NAME]
                 [--engine torch|openvino] [--precision exported|fp32|bf16] [--trust KEY.pem]...
                 [--model-limit NAME=VALUE]... [--no-tensor-arena] [--bench N]
       egaze-run --help | --version | --formats

Classifies chest radiographs and predicts where a radiologist would look, with a model file that
`egaze export` wrote. Prints the class probabilities and the peak of the heatmap of each radiograph.

  MODEL             the model file: TorchScript, or ONNX if it is named .onnx
  IMAGE             an image file (--formats lists the formats), a pattern such as 'radiographs/*.dcm',
                    a text file NAME.txt with one path per line, or a folder, of which all files are
                    predicted, also those in its subfolders; links are followed and hidden files skipped
  --json            print one JSON object (default)
  --csv             print a table with one line per radiograph
  --thresholds      also say whether each probability is at least the class's threshold, which the model
                    file carries if it was exported with --thresholds; the output names their rule
  --class-heatmaps  also give the heatmap of each class, which models of recipes with one heatmap per class
                    make: its peak, and with --out NAME_heatmap_classes.npy (float32, classes first) and
                    NAME_heatmap_classes/CLASS.png (8 bits, cut to the radiograph)
  --out DIR         also write the heatmap of each radiograph to DIR: NAME_heatmap.npy (float32, on the
                    model's canvas), NAME_heatmap.png (8 bits, cut to the radiograph) and
                    NAME_overlay.png (in colours over the radiograph). NAME is the name of the image
                    file without .dcm, .png or similar. Names that some systems do not allow are cleaned
                    and end in a digest, as do names that several radiographs would share. Files of an
                    earlier run are replaced
  --dicom-out DIR   also write the heatmap on each radiograph, with a colour bar, as a DICOM Secondary
                    Capture NAME_sc.dcm to DIR. It belongs to the study of the DICOM radiograph, carries its
                    patient's name and id, and is marked as for research use and not for diagnosis.
                    Predicting again gives the same object with the same UID
  --batch N         radiographs per forward pass, which are held in memory together (default: 1)
  --threads N       threads within one forward pass (default: the engine's choice)
  --device NAME     cpu (default), cuda or cuda:N; ONNX files run on the CPU only
  --engine NAME     torch for TorchScript files or openvino for ONNX files; without it the file's suffix
                    decides, with it a file of the other kind is an error
  --precision NAME  precision of the computation: exported (that of the model file, default), fp32 or bf16
  --trust KEY.pem   run the model only if this Ed25519 key signed it; repeat it to trust several keys
  --model-limit NAME=VALUE
                    run the model only if its program stays within this limit instead of the default.
                    NAME is nodes (operators, 20000), nesting (nested calls, 64), bytes_at_work (memory
                    for one image without the weights, 4294967296) or multiplications (for one image,
                    8000000000000). Repeat the option to set several limits
  --no-tensor-arena leave the memory of tensors to libtorch, as a program does that embeds a model without
                    asking for PredictorOptions::tensor_arena; predictions are the same
  --bench N         read and predict the first radiograph N times, and print the times as JSON instead
  --formats         print the formats of image files that this build reads
  --version         print the versions of egaze and its engines, and the formats

Exit codes: 0 success, 1 the model or a radiograph failed (one line each on stderr), 2 wrong usage.
Example: egaze-run model.pt radiographs --csv --out heatmaps
)";
}

}  // namespace egaze::runner
