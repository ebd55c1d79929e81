#include "arguments.hpp"

#include <charconv>

namespace egaze::runner {
namespace {

constexpr int kMaxThreads = 1024, kMaxBatch = 1024, kMaxRepeats = 1'000'000;

int parse_number(std::string_view option, std::string_view text, int highest) {
  int number = 0;
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

}  // namespace

Arguments parse_arguments(std::span<const char* const> words) {
  Arguments arguments;
  std::vector<std::string> names;
  bool options = true;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const std::string_view word = words[i];
    if (!options || !word.starts_with('-') || word == "-") {
      names.emplace_back(word);
      continue;
    }
    // "--name=value" and "--name value" are the same.
    const std::size_t equals = word.starts_with("--") ? word.find('=') : std::string_view::npos;
    const std::string_view name = word.substr(0, equals);
    const bool inline_value = equals != std::string_view::npos;
    const auto value = [&]() -> std::string_view {
      if (inline_value) return word.substr(equals + 1);
      if (i + 1 == words.size()) throw UsageError(std::string(name) + " lacks its value");
      return words[++i];
    };
    if (name == "--out") {
      arguments.out_folder = value();
    } else if (name == "--threads") {
      arguments.predictor.threads = parse_number(name, value(), kMaxThreads);
    } else if (name == "--device") {
      arguments.predictor.device = value();
    } else if (name == "--precision") {
      arguments.predictor.precision = parse_precision(value());
    } else if (name == "--trust") {
      arguments.trusted_keys.emplace_back(value());
    } else if (name == "--batch") {
      arguments.batch = parse_number(name, value(), kMaxBatch);
    } else if (name == "--bench") {
      arguments.bench = parse_number(name, value(), kMaxRepeats);
    } else if (inline_value) {
      throw UsageError("unknown option '" + std::string(word) + "'");
    } else if (name == "--help" || name == "-h") {
      arguments.action = Arguments::Action::help;
      return arguments;
    } else if (name == "--version") {
      arguments.action = Arguments::Action::version;
      return arguments;
    } else if (name == "--formats") {
      arguments.action = Arguments::Action::formats;
      return arguments;
    } else if (name == "--json") {
      arguments.output = Arguments::Output::json;
    } else if (name == "--csv") {
      arguments.output = Arguments::Output::csv;
    } else if (name == "--") {
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
  return "usage: egaze-run MODEL IMAGE... [--json|--csv] [--out DIR] [--batch N] [--threads N] [--device NAME]\n"
         "                 [--precision exported|fp32|bf16] [--trust KEY.pem]... [--bench N]\n"
         "       egaze-run --help | --version | --formats\n"
         "\n"
         "Classifies chest radiographs and shows where a radiologist would look, with a model that `egaze export`\n"
         "wrote. Prints class probabilities and the heatmap's peak of each radiograph.\n"
         "\n"
         "  IMAGE             a radiograph, a folder of radiographs (with the folders in it, links followed, hidden names\n"
         "                    left out), or a pattern such as 'radiographs/*.dcm'\n"
         "  --json            one JSON object (default)\n"
         "  --csv             a table, one line a radiograph\n"
         "  --out DIR         also write each radiograph's heatmap: NAME_heatmap.npy (float32, on the model's canvas), and\n"
         "                    in the radiograph's frame NAME_heatmap.png (8 bits) and NAME_overlay.png (over the radiograph).\n"
         "                    NAME is the radiograph's without .dcm, .png and the like; where that is no name on every\n"
         "                    system it is cleaned and ends in a digest, as do the names of radiographs that would share one. What an earlier\n"
         "                    run wrote there is replaced\n"
         "  --batch N         radiographs a forward pass, which are in memory together; 1 without\n"
         "  --threads N       threads inside one forward pass; libtorch's own choice without\n"
         "  --device NAME     cpu (default), cuda or cuda:N\n"
         "  --precision NAME  what the model computes in: exported (default), fp32 or bf16\n"
         "  --trust KEY.pem   run the model only if this Ed25519 key, or another that is given so, signed it\n"
         "  --bench N         read and answer the first radiograph N times; prints the times as JSON instead\n"
         "  --formats         the kinds of radiograph files that this build reads\n"
         "\n"
         "Exit codes: 0 done, 1 the model or a radiograph failed (one line each on stderr), 2 wrong usage.\n"
         "Example: egaze-run model.pt radiographs --csv --out heatmaps\n";
}

}  // namespace egaze::runner
