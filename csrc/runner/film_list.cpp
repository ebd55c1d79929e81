#include "film_list.hpp"

#include <glob.h>

#include <algorithm>
#include <filesystem>
#include <system_error>

namespace egaze::runner {
namespace {

namespace fs = std::filesystem;

std::vector<std::string> matching(const std::string& pattern) {
  glob_t found{};
  std::vector<std::string> paths;
  if (glob(pattern.c_str(), 0, nullptr, &found) == 0) paths.assign(found.gl_pathv, found.gl_pathv + found.gl_pathc);
  globfree(&found);
  return paths;
}

void add_folder(const fs::path& folder, std::vector<std::string>& films) {
  std::vector<std::string> found;
  std::error_code error;
  auto options = fs::directory_options::skip_permission_denied;
  for (auto at = fs::recursive_directory_iterator(folder, options, error); !error && at != fs::end(at);
       at.increment(error)) {
    std::error_code gone;
    if (at->path().filename().string().starts_with('.')) {
      if (at->is_directory(gone)) at.disable_recursion_pending();
    } else if (at->is_regular_file(gone)) {
      found.push_back(at->path().string());
    }
  }
  std::ranges::sort(found);
  films.insert(films.end(), found.begin(), found.end());
}

void add(const std::string& path, std::vector<std::string>& films) {
  std::error_code error;
  const std::size_t before = films.size();
  if (fs::is_directory(path, error)) add_folder(path, films);
  // An empty folder is asked about as a film, which says what is wrong.
  if (films.size() == before) films.push_back(path);
}

}  // namespace

std::vector<std::string> film_list(const std::vector<std::string>& words) {
  std::vector<std::string> films;
  for (const std::string& word : words) {
    std::error_code error;
    const std::vector<std::string> paths = fs::exists(word, error) ? std::vector{word} : matching(word);
    for (const std::string& path : paths.empty() ? std::vector{word} : paths) add(path, films);
  }
  return films;
}

}  // namespace egaze::runner
