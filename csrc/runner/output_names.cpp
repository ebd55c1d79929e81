#include "output_names.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <string_view>

#include "sha256.hpp"

namespace egaze::runner {
namespace {

constexpr std::size_t kLongest = 64, kLongestCleaned = 40, kDigits = 8;
// Only these are removed: in a UID, what follows the last dot is not an extension.
constexpr std::array<std::string_view, 8> kRadiographExtensions = {".dcm", ".dicom", ".dic",  ".ima",
                                                                   ".png", ".jpg",   ".jpeg", ".npy"};
// Windows treats these names, with any extension, as devices.
constexpr std::array<std::string_view, 6> kDevices = {"con", "prn", "aux", "nul", "conin", "conout"};

// ASCII only, independent of the locale.
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_plain(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_digit(c) || c == '_' || c == '-';
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  return out;
}

std::string sha256(std::string_view text) {
  detail::Sha256 digest;
  digest.update(text.data(), text.size());
  return digest.finish();
}

std::string stem(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  std::string name = slash == std::string::npos ? path : path.substr(slash + 1);
  const std::string folded = lower(name);
  for (const std::string_view extension : kRadiographExtensions) {
    if (folded.ends_with(extension)) return name.substr(0, name.size() - extension.size());
  }
  return name;
}

bool is_device(std::string_view name) {
  const std::string folded = lower(name.substr(0, name.find('.')));
  const bool port =
      folded.size() == 4 && (folded.starts_with("com") || folded.starts_with("lpt")) && is_digit(folded[3]);
  return port || std::ranges::find(kDevices, folded) != kDevices.end();
}

bool is_safe(std::string_view name) {
  const auto stays = [](char c) { return is_plain(c) || c == '.'; };
  return !name.empty() && name.size() <= kLongest && std::ranges::all_of(name, stays) && name.front() != '.' &&
         name.front() != '-' && name.back() != '.' && !is_device(name);
}

std::string with_digest(std::string_view name, const std::string& digest, std::size_t digits) {
  std::string cleaned;
  bool gap = false;
  for (const char c : name) {
    if (is_plain(c)) cleaned += c;
    if (!is_plain(c) && !gap) cleaned += '_';
    gap = !is_plain(c);
  }
  const std::size_t begin = std::min(cleaned.find_first_not_of("_-"), cleaned.size());
  cleaned.erase(0, begin);
  cleaned.erase(cleaned.find_last_not_of("_-") + 1);
  cleaned.resize(std::min(cleaned.size(), kLongestCleaned));
  return (cleaned.empty() ? "case" : cleaned) + "-" + digest.substr(0, digits);
}

}  // namespace

std::vector<std::string> output_names(const std::vector<std::string>& paths) {
  std::map<std::string, std::string> names;  // by path, in the order of their bytes
  std::map<std::string, int> shared;
  for (const std::string& path : paths) {
    const std::string name = stem(path);
    const auto [at, is_new] = names.emplace(path, is_safe(name) ? name : with_digest(name, sha256(name), kDigits));
    if (is_new) ++shared[lower(at->second)];
  }
  std::set<std::string> used;
  for (const auto& [folded, count] : shared) {
    if (count == 1) used.insert(folded);
  }
  for (auto& [path, name] : names) {
    if (shared[lower(name)] == 1) continue;
    std::size_t digits = kDigits;
    do {
      name = with_digest(stem(path), sha256(path), digits);
      digits += kDigits;
    } while (!used.insert(lower(name)).second);
  }
  std::vector<std::string> out;
  out.reserve(paths.size());
  for (const std::string& path : paths) out.push_back(names[path]);
  return out;
}

}  // namespace egaze::runner
