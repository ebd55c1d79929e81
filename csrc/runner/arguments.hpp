// The command line of egaze-run.
#pragma once

#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace egaze::runner {

struct Arguments {
  enum class Action { predict, help, version, formats };

  Action action = Action::predict;
  std::string model;
  std::vector<std::string> images;          // at least one
  std::optional<std::string> out_folder;    // where heatmap files go; none are written without
  std::string device = "cpu";
  int threads = 0;
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
