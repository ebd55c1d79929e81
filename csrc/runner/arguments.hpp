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
  std::vector<std::string> images;                      // at least one file, folder or pattern
  std::optional<std::string> out_folder;                // the folder for heatmap files, if they are to be written
  std::optional<std::string> dicom_folder;              // the folder for Secondary Captures, if they are wanted
  bool thresholds = false;                              // whether to apply the model file's thresholds
  std::vector<std::string> trusted_keys;                // PEM files; without any, every model is run
  PredictorOptions predictor = {.tensor_arena = true};  // no other code in this process uses libtorch
  int batch = 1;                                        // radiographs per forward pass
  int bench = 0;                                        // repetitions of the benchmark; 0 predicts instead
};

// A usage error; what() is one line.
class UsageError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// Parses the arguments that follow the program's name. "--" ends the options. Throws UsageError.
Arguments parse_arguments(std::span<const char* const> words);

// The text of --help.
std::string_view usage();

}  // namespace egaze::runner
