#include "model_archive.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <utility>

#include "egaze/error.hpp"
#include "file_bytes.hpp"
#include "json.hpp"
#include "model_spec.hpp"
#include "pickled_tensors.hpp"
#include "program_parser.hpp"
#include "program_writer.hpp"
#include "sha256.hpp"
#include "stored_zip.hpp"
#include "zip_member.hpp"

namespace egaze::detail {
namespace {

using namespace std::string_view_literals;

constexpr const char* kSpecName = "extra/egaze_spec.json";
constexpr const char* kSignatureName = "signature";
constexpr const char* kProgramName = "code/__torch__/egaze.py";
constexpr std::size_t kMaxProgramBytes = std::size_t{1} << 22, kMaxTableBytes = std::size_t{1} << 24;
constexpr std::size_t kMaxVersionBytes = 3;

// A pickled object of the class __torch__.egaze.Model without attributes.
constexpr std::string_view kObjectPickle =
    "\x80\x02"
    "c__torch__.egaze\nModel\nq\0)\x81}(ubq\x01."sv;

using Members = std::map<std::string, std::span<const unsigned char>>;

std::string_view text_of(std::span<const unsigned char> content) {
  return {reinterpret_cast<const char*>(content.data()), content.size()};
}

// SHA-256 of all members except the signature, in the order of their names: for each its name, a zero byte, its length
// (8 bytes, little endian) and its content.
std::string digest_of(const Members& members, const std::string& spec_json) {
  Sha256 sha;
  for (const auto& [name, content] : members) {
    if (name == kSignatureName) continue;
    const std::string_view text = name == kSpecName ? spec_json : text_of(content);
    std::array<unsigned char, 8> length{};
    for (std::size_t i = 0; i < length.size(); ++i) {
      length[i] = static_cast<unsigned char>(std::uint64_t{text.size()} >> 8 * i);
    }
    sha.update(name.c_str(), name.size() + 1);
    sha.update(length.data(), length.size());
    sha.update(text.data(), text.size());
  }
  return sha.finish();
}

bool is_storage_key(std::string_view key) {
  return !key.empty() && key.size() <= 6 && key.find_first_not_of("0123456789") == std::string_view::npos &&
         (key == "0" || key.front() != '0');
}

// Whether a member contains the version of TorchScript's format.
bool is_version(std::string_view name) { return name == "version" || name == ".data/version"; }

// Versions 3 to 10, with or without a line break, are written by torch 2.7 and later. torch replaces operators when it
// loads an older version.
bool is_version_number(std::string_view text) {
  if (text.size() > kMaxVersionBytes) return false;
  if (text.ends_with('\n')) text.remove_suffix(1);
  return text == "10" || (text.size() == 1 && text[0] >= '3' && text[0] <= '9');
}

void check_members(const std::string& path, const Members& members) {
  const auto fail = [&](const std::string& what) {
    throw Error(ErrorCode::model_archive, path + ": is not an exported model, or is damaged: " + what);
  };
  for (const char* name : {kProgramName, "data.pkl", "constants.pkl", "byteorder"}) {
    if (!members.contains(name)) fail("it lacks the member '" + std::string(name) + "'");
  }
  for (const auto& [name, content] : members) {
    const bool known = name == kProgramName || name == "data.pkl" || name == "constants.pkl" || name == "byteorder" ||
                       name == kSpecName || name == kSignatureName || is_version(name) ||
                       (name.starts_with("constants/") && is_storage_key(name.substr(10)));
    if (!known) fail("it has an unexpected member '" + name + "'");
    if (is_version(name) && !is_version_number(text_of(content))) fail("its version is not one that torch writes");
  }
  if (std::ranges::count_if(members, [](const auto& member) { return is_version(member.first); }) != 1) {
    fail("it does not have exactly one version");
  }
  if (text_of(members.at("byteorder")) != "little") fail("its numbers are not little-endian");
  if (members.at(kProgramName).size() > kMaxProgramBytes || members.at("constants.pkl").size() > kMaxTableBytes) {
    fail("its program or its table of tensors is too large");
  }
}

std::optional<ModelSignature> signature_of(const std::string& path, const Members& members) {
  const auto member = members.find(kSignatureName);
  if (member == members.end()) return std::nullopt;
  const std::span<const unsigned char> content = member->second;
  ModelSignature signature;
  if (content.size() != signature.key.size() + signature.signature.size()) {
    throw Error(ErrorCode::model_archive,
                path + ": is not an exported model, or is damaged: its signature does not have 96 bytes");
  }
  std::ranges::copy(content.first(signature.key.size()), signature.key.begin());
  std::ranges::copy(content.subspan(signature.key.size()), signature.signature.begin());
  return signature;
}

// Returns the program's text as it is written from the graph that the parser made of it.
std::string prove_program(const std::string& path, const Members& members, const ModelSpec& spec,
                          const ModelLimits& limits, ProgramProof& proof) {
  const auto start = std::chrono::steady_clock::now();
  if (text_of(members.at("data.pkl")) != kObjectPickle) {
    throw Error(ErrorCode::model_operator,
                path + ": its data.pkl contains something other than the object of an exported model");
  }
  const auto storage_bytes = [&](const std::string& key) -> std::optional<std::size_t> {
    const auto member = members.find("constants/" + key);
    return member == members.end() ? std::nullopt : std::optional(member->second.size());
  };
  const std::vector<TensorType> tensors = read_pickled_tensors(path, members.at("constants.pkl"), storage_bytes);
  try {
    GraphBuilder builder(static_cast<std::int64_t>(spec.input_height_px),
                         static_cast<std::int64_t>(spec.input_width_px), tensors, limits);
    const TypedGraph graph =
        parse_program(text_of(members.at(kProgramName)), std::move(builder),
                      static_cast<std::int64_t>(spec.class_names.size()), limits.nesting, spec.class_heatmaps);
    std::string program = write_program(graph);
    const std::chrono::duration<double> passed = std::chrono::steady_clock::now() - start;
    // The values are the image, the constants and what the operators return.
    proof = {std::ssize(graph.values) - 1 - std::ssize(graph.constants), graph.bytes_at_work, graph.multiplications,
             passed.count()};
    return program;
  } catch (const ProgramError& error) {
    throw Error(ErrorCode::model_operator, path + ": its program " + error.what());
  }
}

}  // namespace

std::string without_digest(std::string_view spec_json, const std::string& digest) {
  std::string text(spec_json);
  const std::size_t key = text.find("\"model_sha256\"");
  const std::size_t at = key == std::string::npos ? key : text.find(digest, key);
  if (at != std::string::npos) text.replace(at, digest.size(), digest.size(), '0');
  return text;
}

void check_limits(const ModelLimits& limits) {
  for (const ModelLimit& limit : kModelLimits) {
    const std::int64_t value = limits.*limit.value;
    if (value < 1 || value > limit.largest) {
      throw Error(ErrorCode::invalid_argument, std::string("the limit ") + limit.name + " must be from 1 to " +
                                                   std::to_string(limit.largest) + ", got " + std::to_string(value));
    }
  }
}

std::string signed_message(const ModelSpec& spec) { return "egaze model 1\n" + spec.model_sha256; }

ModelArchive read_model_archive(const std::string& path, const ModelLimits& limits) {
  check_limits(limits);
  return check_model_archive(path, read_bytes(path, kMaxModelBytes + 1, ErrorCode::model_foreign), limits);
}

ModelArchive check_model_archive(const std::string& path, std::vector<unsigned char> bytes, const ModelLimits& limits) {
  check_limits(limits);
  ModelArchive archive;
  archive.bytes = std::move(bytes);
  Members members;
  for (ZipMember& member : read_stored_zip(path, archive.bytes, kSpecName)) {
    members.emplace(std::move(member.name), member.content);
  }
  const std::string_view spec_json = text_of(members.at(kSpecName));
  archive.spec = parse_model_spec(path, spec_json);
  const std::string& digest = archive.spec.model_sha256;
  if (digest_of(members, without_digest(spec_json, digest)) != digest) {
    throw Error(ErrorCode::model_digest,
                path + ": is damaged or changed: its content does not have the SHA-256 in its spec");
  }
  check_members(path, members);
  archive.signature = signature_of(path, members);
  const std::string program = prove_program(path, members, archive.spec, limits, archive.proof);
  replace_member(archive.bytes, members.at(kProgramName), program);
  return archive;
}

}  // namespace egaze::detail
