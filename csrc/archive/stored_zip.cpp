#include "stored_zip.hpp"

#include <algorithm>
#include <cstring>
#include <set>
#include <string_view>
#include <utility>

#include "crc32.hpp"
#include "egaze/error.hpp"

namespace egaze::detail {
namespace {

constexpr std::string_view kLocalMagic("PK\x03\x04", 4), kCentralMagic("PK\x01\x02", 4), kEndMagic("PK\x05\x06", 4);
constexpr std::size_t kLocalBytes = 30, kCentralBytes = 46, kEndBytes = 22;
constexpr std::size_t kMaxNameBytes = 255;
constexpr std::string_view kTop = "egaze/";
// How an ONNX file begins that egaze exports: its format's version, and its producer.
constexpr std::string_view kOnnxStart =
    "\x08\x08\x12\x05"
    "egaze";

// The constant fields of a directory entry: made by Unix (3) and zip 2.0 (20), dated 1 January 1980 (0x21), readable and
// writable by the owner (0600).
constexpr std::size_t kMadeBy = 3 << 8 | 20, kNeeded = 20, kDate = 0x21, kAttributes = 0600u << 16;

// Reads numbers and texts at an offset, which must lie within the file.
class Bytes {
 public:
  Bytes(const std::string& path, std::span<const unsigned char> bytes) : path_(path), bytes_(bytes) {}

  [[noreturn]] void fail(const std::string& what) const {
    throw Error(ErrorCode::model_archive, path_ + ": is not an exported model, or is damaged: " + what);
  }

  std::size_t size() const { return bytes_.size(); }

  std::span<const unsigned char> at(std::size_t offset, std::size_t count) const {
    if (offset > bytes_.size() || count > bytes_.size() - offset) fail("a part of it lies outside the file");
    return bytes_.subspan(offset, count);
  }

  std::size_t number(std::size_t offset, std::size_t count) const {
    std::size_t value = 0;
    const std::span<const unsigned char> digits = at(offset, count);
    for (std::size_t i = count; i-- > 0;) value = value << 8 | digits[i];
    return value;
  }

  bool holds(std::size_t offset, std::string_view magic) const {
    return offset <= bytes_.size() && magic.size() <= bytes_.size() - offset &&
           std::memcmp(bytes_.data() + offset, magic.data(), magic.size()) == 0;
  }

  std::string text(std::size_t offset, std::size_t count) const {
    const std::span<const unsigned char> letters = at(offset, count);
    return {letters.begin(), letters.end()};
  }

 private:
  const std::string& path_;
  std::span<const unsigned char> bytes_;
};

struct Entry {
  std::string name;
  std::size_t central_offset;  // the offset of its entry in the directory
};

// Excludes absolute paths, "..", and characters with a special meaning to a file system or a terminal.
bool is_plain_name(std::string_view name) {
  if (name.empty() || name.front() == '/' || name.back() == '/' || name.size() > kMaxNameBytes) return false;
  if (name.find("..") != std::string_view::npos || name.find("//") != std::string_view::npos) return false;
  return std::ranges::all_of(name, [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_' || c == '.' ||
           c == '/' || c == '-';
  });
}

struct Directory {
  std::vector<Entry> entries;
  std::size_t begin;
  std::size_t end;
};

Directory read_directory(const Bytes& file, std::size_t end) {
  const std::size_t count = file.number(end + 10, 2);
  if (file.number(end + 4, 4) != 0 || file.number(end + 8, 2) != count) file.fail("it is split into several files");
  if (count > kMaxMembers)
    file.fail("it has " + std::to_string(count) + " members, more than " + std::to_string(kMaxMembers));
  const std::size_t begin = file.number(end + 16, 4);
  std::size_t at = begin;
  std::vector<Entry> entries;
  for (std::size_t i = 0; i < count; ++i) {
    if (!file.holds(at, kCentralMagic)) file.fail("its directory is broken");
    const std::size_t name_bytes = file.number(at + 28, 2);
    entries.push_back({file.text(at + kCentralBytes, name_bytes), at});
    at += kCentralBytes + name_bytes + file.number(at + 30, 2) + file.number(at + 32, 2);
  }
  return {std::move(entries), begin, at};
}

// Returns the member's content and moves `at` from its local header to its end.
std::span<const unsigned char> read_member(const Bytes& file, const Entry& entry, std::size_t& at) {
  const std::size_t central = entry.central_offset;
  const std::string quoted = "'" + entry.name + "'";
  if (file.number(central + 10, 2) != 0) file.fail("its member " + quoted + " is compressed");
  const std::size_t size = file.number(central + 24, 4);
  // Flags mark encrypted members and sizes that follow the content. Extra fields and comments could contain anything.
  const bool plain = file.number(central + 8, 2) == 0 && file.number(central + 20, 4) == size &&
                     file.number(central + 30, 2) == 0 && file.number(central + 32, 2) == 0 &&
                     file.number(central + 34, 2) == 0;
  if (!plain) file.fail("its member " + quoted + " is not stored plainly");
  if (file.number(central + 42, 4) != at || !file.holds(at, kLocalMagic)) {
    file.fail("its member " + quoted + " does not follow the member before it");
  }
  // Any freedom in these fields would leave room for a second directory, such as that of zip64.
  if (file.number(central + 4, 2) != kMadeBy || file.number(central + 6, 2) != kNeeded ||
      file.number(central + 12, 2) != 0 || file.number(central + 14, 2) != kDate || file.number(central + 36, 2) != 0 ||
      file.number(central + 38, 4) != kAttributes) {
    file.fail("its member " + quoted + " has other attributes than in an exported model");
  }
  // The local header repeats 26 bytes of the entry, from the version to the length of the extra field, and the name.
  const std::size_t name_bytes = entry.name.size();
  if (!std::ranges::equal(file.at(at + 4, 26), file.at(central + 6, 26)) ||
      file.text(at + kLocalBytes, name_bytes) != entry.name) {
    file.fail("its member " + quoted + " is described differently in its header and in the directory");
  }
  const std::span<const unsigned char> content = file.at(at + kLocalBytes + name_bytes, size);
  if (file.number(central + 16, 4) != crc32(content)) {
    file.fail("its member " + quoted + " does not match its CRC-32");
  }
  at += kLocalBytes + name_bytes + size;
  return content;
}

}  // namespace

std::vector<ZipMember> read_stored_zip(const std::string& path, std::span<const unsigned char> bytes,
                                       const std::string& own) {
  const auto refuse = [&](ErrorCode code, const std::string& what) { throw Error(code, path + ": " + what); };
  if (bytes.empty()) refuse(ErrorCode::model_truncated, "is truncated: it is empty");
  const Bytes file(path, bytes);
  if (bytes.size() > kMaxModelBytes) file.fail("it is larger than " + std::to_string(kMaxModelBytes) + " bytes");
  const std::string_view begin(reinterpret_cast<const char*>(bytes.data()), std::min<std::size_t>(bytes.size(), 4));
  if (std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()).starts_with(kOnnxStart)) {
    refuse(ErrorCode::model_foreign,
           "is an ONNX file, not a TorchScript file; Python reads it under a name with .onnx");
  }
  if (!kLocalMagic.starts_with(begin)) {
    refuse(ErrorCode::model_foreign, "was not exported by egaze: it is not a zip archive");
  }
  const std::size_t end = bytes.size() - std::min(bytes.size(), kEndBytes);
  if (!file.holds(end, kEndMagic) || file.number(end + 20, 2) != 0) {
    refuse(ErrorCode::model_truncated, "is truncated, or followed by other data");
  }

  const Directory directory = read_directory(file, end);
  const std::vector<Entry>& entries = directory.entries;
  const auto is_own = [&](const Entry& entry) {
    const std::size_t slash = entry.name.find('/');
    return slash != std::string::npos && entry.name.substr(slash + 1) == own;
  };
  if (std::ranges::none_of(entries, is_own)) {
    refuse(ErrorCode::model_foreign, "was not exported by egaze: it contains no " + own.substr(own.find('/') + 1));
  }
  if (directory.end != end || file.number(end + 12, 4) != end - directory.begin) file.fail("its directory is broken");
  std::size_t at = 0;
  std::set<std::string> names;
  std::vector<ZipMember> members;
  for (const Entry& entry : entries) {
    if (!is_plain_name(entry.name) || !entry.name.starts_with(kTop)) {
      file.fail("it has a member with a name that no exported model uses");
    }
    // Some file systems and programs do not distinguish upper and lower case.
    std::string folded = entry.name;
    std::ranges::transform(folded, folded.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c; });
    if (!names.insert(folded).second) file.fail("it has two members named '" + entry.name + "'");
    std::string name = entry.name.substr(kTop.size());
    const std::span<const unsigned char> content = read_member(file, entry, at);
    if (!members.empty() && members.back().name >= name) file.fail("its members are not sorted by name");
    members.push_back({std::move(name), content});
  }
  if (at != directory.begin) file.fail("there is other data between its members and its directory");
  return members;
}

}  // namespace egaze::detail
