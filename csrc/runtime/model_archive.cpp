#include "model_archive.hpp"

#include <caffe2/serialize/in_memory_adapter.h>
#include <caffe2/serialize/inline_container.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>
#include <memory>
#include <string_view>

#include "egaze/error.hpp"
#include "file_bytes.hpp"
#include "json.hpp"
#include "model_spec.hpp"
#include "one_line.hpp"
#include "sha256.hpp"

namespace egaze::detail {
namespace {

constexpr const char* kSpecName = "extra/egaze_spec.json";
constexpr std::uint64_t kMaxFileBytes = std::uint64_t{1} << 34;
// Weights are stored as they are; only the archive's code is compressed, and that is small.
constexpr std::uint64_t kMaxExpansionBytes = std::uint64_t{1} << 28;

using caffe2::serialize::PyTorchStreamReader;

// SHA-256 over the members in the order of their names: name, 0, length (8 bytes, little endian), content.
std::string digest_of(PyTorchStreamReader& reader, const std::string& path, std::uint64_t file_bytes) {
  std::vector<std::string> names = reader.getAllRecords();
  std::ranges::sort(names);
  if (std::ranges::adjacent_find(names) != names.end()) {
    throw Error(ErrorCode::bad_model_file, path + ": holds two members of one name");
  }
  std::uint64_t left_bytes = file_bytes + kMaxExpansionBytes;
  Sha256 sha;
  for (const std::string& name : names) {
    if (name == kSpecName) continue;
    const std::uint64_t promised = reader.getRecordSize(name);
    if (promised > left_bytes) throw Error(ErrorCode::bad_model_file, path + ": expands to more than a model can hold");
    left_bytes -= promised;
    const auto [content, size] = reader.getRecord(name);
    std::array<unsigned char, 8> length{};
    for (std::size_t i = 0; i < length.size(); ++i) {
      length[i] = static_cast<unsigned char>(std::uint64_t{size} >> 8 * i);
    }
    sha.update(name.c_str(), name.size() + 1);
    sha.update(length.data(), length.size());
    sha.update(content.get(), size);
  }
  return sha.finish();
}

}  // namespace

ModelArchive read_model_archive(const std::string& path) {
  ModelArchive archive;
  archive.bytes = read_bytes(path, kMaxFileBytes + 1, ErrorCode::bad_model_file);
  if (archive.bytes.size() > kMaxFileBytes) throw Error(ErrorCode::bad_model_file, path + ": is larger than any model");
  try {
    PyTorchStreamReader reader(std::make_shared<caffe2::serialize::MemoryReadAdapter>(
        archive.bytes.data(), static_cast<off_t>(archive.bytes.size())));
    if (!reader.hasRecord(kSpecName)) {
      throw Error(ErrorCode::bad_model_file, path + ": was not exported by egaze (it holds no egaze_spec.json)");
    }
    if (reader.getRecordSize(kSpecName) > kMaxJsonBytes) {
      throw Error(ErrorCode::bad_model_file, path + ": its egaze_spec.json is too large");
    }
    const auto [text, size] = reader.getRecord(kSpecName);
    archive.spec = parse_model_spec(path, std::string_view(static_cast<const char*>(text.get()), size));
    if (digest_of(reader, path, archive.bytes.size()) != archive.spec.model_sha256) {
      throw Error(ErrorCode::bad_model_file, path + ": is damaged: its content does not have the SHA-256 in its spec");
    }
  } catch (const Error&) {
    throw;
  } catch (const std::exception& error) {
    throw Error(ErrorCode::bad_model_file, path + ": is truncated or no TorchScript archive: " + one_line(error));
  }
  return archive;
}

}  // namespace egaze::detail
