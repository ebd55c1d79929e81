// The command line of egaze-run.
#pragma once

#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "egaze/predictor.hpp"

namespace egaze::runner {

struct Arguments {
  enum class Action { predict, help, version, formats };
  enum class Output { json, csv };

  Action action = Action::predict;
  Output output = Output::json;
  std::string model;
  std::vector<std::string> images;                      // at least one: files, folders or patterns
  std::optional<std::string> out_folder;                // where heatmap files go; none are written without
  std::vector<std::string> trusted_keys;                // PEM files; any model is run without
  PredictorOptions predictor = {.tensor_arena = true};  // the process is the program's own
  int batch = 1;                                        // radiographs a forward pass
  int bench = 0;                                        // how often the first radiograph is timed; 0 is no timing
};

// Wrong usage; what() is one line.
class UsageError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// Reads what follows the program's name. "--" ends the options.
Arguments parse_arguments(std::span<const char* const> words);

std::string_view usage();

}  // namespace egaze::runner
