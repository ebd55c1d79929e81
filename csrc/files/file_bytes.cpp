#include "file_bytes.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <system_error>

namespace egaze::detail {

std::vector<unsigned char> read_bytes(const std::string& path, std::uint64_t limit_bytes, ErrorCode unreadable) {
  std::error_code error;
  const std::filesystem::file_status status = std::filesystem::status(path, error);
  if (!std::filesystem::exists(status)) {
    throw Error(ErrorCode::file_not_found, path + ": no such file" + (error ? " (" + error.message() + ")" : ""));
  }
  if (!std::filesystem::is_regular_file(status)) throw Error(unreadable, path + ": is not a file");
  const std::uint64_t file_bytes = std::filesystem::file_size(path, error);
  std::ifstream file(path, std::ios::binary);
  if (error || !file) throw Error(ErrorCode::file_not_found, path + ": cannot be opened");
  std::vector<unsigned char> bytes(std::min(file_bytes, limit_bytes));
  file.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  if (static_cast<std::uint64_t>(file.gcount()) != bytes.size()) throw Error(unreadable, path + ": cannot be read");
  return bytes;
}

}  // namespace egaze::detail
