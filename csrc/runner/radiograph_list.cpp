#include "radiograph_list.hpp"

#include <glob.h>

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <set>
#include <system_error>

namespace egaze::runner {
namespace {

namespace fs = std::filesystem;

std::vector<std::string> matching(const std::string& pattern) {
  glob_t found{};
  std::vector<std::string> paths;
  const int failed = glob(pattern.c_str(), 0, nullptr, &found);  // NOLINT(concurrency-mt-unsafe): one thread calls it
  if (failed == 0) paths.assign(found.gl_pathv, found.gl_pathv + found.gl_pathc);
  globfree(&found);
  return paths;
}

// Adds the files in a folder and its subfolders, which may be links. `read` holds the folders that have been read.
void add_folder(const fs::path& folder, std::set<std::string>& read, std::vector<std::string>& radiographs) {
  std::error_code error;
  const fs::path real = fs::canonical(folder, error);
  if (!error && !read.insert(real.string()).second) return;
  std::vector<fs::path> entries;
  for (auto at = fs::directory_iterator(folder, error); !error && at != fs::end(at); at.increment(error)) {
    entries.push_back(at->path());
  }
  // Listed as a radiograph, so that reading it reports the error.
  if (error) radiographs.push_back(folder.string());
  std::ranges::sort(entries);
  // Real folders come before links to them.
  std::ranges::stable_partition(entries, [](const fs::path& path) {
    std::error_code gone;
    return !fs::is_symlink(path, gone);
  });
  for (const fs::path& path : entries) {
    if (path.filename().string().starts_with('.')) continue;
    std::error_code gone;
    if (fs::is_directory(path, gone)) {
      add_folder(path, read, radiographs);
    } else if (fs::is_regular_file(path, gone) || fs::is_symlink(path, gone)) {
      radiographs.push_back(path.string());
    }
  }
}

// The lines of a list, or the path itself if it is none.
std::vector<std::string> listed(const std::string& path) {
  std::string suffix = path.substr(path.size() - std::min<std::size_t>(path.size(), 4));
  std::ranges::transform(suffix, suffix.begin(), [](unsigned char letter) { return std::tolower(letter); });
  std::error_code error;
  if (suffix != ".txt" || !fs::is_regular_file(path, error)) return {path};
  std::ifstream file(path, std::ios::binary);
  std::vector<std::string> paths;
  bool first = true;
  for (std::string line; std::getline(file, line); first = false) {
    if (first && line.starts_with("\xef\xbb\xbf")) line.erase(0, 3);
    if (line.ends_with('\r')) line.pop_back();
    if (!line.empty()) paths.push_back(line);
  }
  if (paths.empty()) paths.push_back(path);
  return paths;
}

void add(const std::string& path, std::vector<std::string>& radiographs) {
  std::error_code error;
  std::vector<std::string> found;
  std::set<std::string> read;
  if (fs::is_directory(path, error)) add_folder(path, read, found);
  // An empty folder is listed as a radiograph, so that reading it reports the error.
  if (found.empty()) found.push_back(path);
  std::ranges::sort(found);
  radiographs.insert(radiographs.end(), found.begin(), found.end());
}

}  // namespace

std::vector<std::string> radiograph_list(const std::vector<std::string>& words) {
  std::vector<std::string> radiographs;
  for (const std::string& word : words) {
    std::error_code error;
    const bool exists = fs::symlink_status(word, error).type() != fs::file_type::not_found;
    const std::vector<std::string> paths = exists ? std::vector{word} : matching(word);
    for (const std::string& path : paths.empty() ? std::vector{word} : paths) {
      for (const std::string& radiograph : listed(path)) add(radiograph, radiographs);
    }
  }
  return radiographs;
}

}  // namespace egaze::runner
