#include "output_files.hpp"

#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <stdexcept>
#include <system_error>

namespace egaze::runner {
namespace {

namespace fs = std::filesystem;

// Whether a file, a folder or a link exists at the path, even a broken link.
bool is_there(const fs::path& path) {
  std::error_code error;
  const bool found = fs::exists(fs::symlink_status(path, error));
  if (error == std::errc::filename_too_long)
    throw std::runtime_error(path.string() + ": cannot write: " + error.message());
  return found;
}

// The reason why no file can be created in the folder, or "" if one can.
std::string why_not_writable(const fs::path& folder) {
  std::string trial = (folder / ".egaze-run-XXXXXX").string();
  const int file = ::mkstemp(trial.data());
  if (file < 0) return std::generic_category().message(errno);
  ::close(file);
  ::unlink(trial.c_str());
  return {};
}

}  // namespace

std::string writable_folder(std::string folder) {
  if (folder.empty()) folder = ".";
  const auto refuse = [&folder](const std::string& why) {
    throw std::runtime_error(folder + ": cannot write: " + why);
  };
  std::error_code error;
  if (is_there(folder) && !fs::is_directory(folder, error)) {
    const bool leads_nowhere = fs::is_symlink(folder, error) && !fs::exists(folder, error);
    refuse(leads_nowhere ? "it is a link that leads nowhere" : "it is not a folder");
  }
  fs::path nearest = folder;
  while (!is_there(nearest)) nearest = nearest.has_parent_path() ? nearest.parent_path() : fs::path(".");
  if (!fs::is_directory(nearest, error)) refuse(nearest.string() + " is not a folder");
  if (const std::string why = why_not_writable(nearest); !why.empty()) refuse(why);
  return folder;
}

void write_whole(const fs::path& path, const void* data, std::size_t size_bytes) {
  fs::path unfinished = path;
  unfinished += ".part";
  errno = 0;
  std::ofstream file(unfinished, std::ios::binary | std::ios::trunc);
  file.write(static_cast<const char*>(data), static_cast<std::streamsize>(size_bytes));
  file.close();
  std::error_code error;
  if (file) {
    fs::rename(unfinished, path, error);
  } else if (errno != 0) {
    error.assign(errno, std::generic_category());
  }
  if (!file || error) {
    std::error_code ignored;
    fs::remove(unfinished, ignored);
    throw std::runtime_error(path.string() + ": cannot be written" + (error ? ": " + error.message() : ""));
  }
}

}  // namespace egaze::runner
