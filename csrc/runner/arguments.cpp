#include "arguments.hpp"

#include <charconv>

namespace egaze::runner {
namespace {

constexpr int kMaxThreads = 1024;

int parse_threads(std::string_view text) {
  int threads = 0;
  const auto result = std::from_chars(text.data(), text.data() + text.size(), threads);
  if (result.ec != std::errc() || result.ptr != text.data() + text.size() || threads < 1 || threads > kMaxThreads) {
    throw UsageError("--threads takes a number from 1 to " + std::to_string(kMaxThreads) + ", got '" +
                     std::string(text) + "'");
  }
  return threads;
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
      arguments.threads = parse_threads(value());
    } else if (name == "--device") {
      arguments.device = value();
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
  return "usage: egaze-run MODEL IMAGE... [--out DIR] [--threads N] [--device cpu|cuda|cuda:N]\n"
         "       egaze-run --help | --version | --formats\n"
         "\n"
         "Classifies chest radiographs and shows where a radiologist would look, with a model that `egaze export`\n"
         "wrote. Prints one JSON object: class probabilities and the heatmap's peak of each film.\n"
         "\n"
         "  --out DIR      also write each film's heatmap: NAME_heatmap.npy (float32, on the model's canvas) and\n"
         "                 NAME_heatmap.png (8 bits, in the film's frame)\n"
         "  --threads N    threads inside one prediction; libtorch's own choice without\n"
         "  --device NAME  cpu (default), cuda or cuda:N\n"
         "  --formats      the kinds of film files that this build reads\n"
         "\n"
         "Exit codes: 0 done, 1 the model or a film failed (one line each on stderr), 2 wrong usage.\n"
         "Example: egaze-run model.pt film.dcm --out heatmaps\n";
}

}  // namespace egaze::runner
