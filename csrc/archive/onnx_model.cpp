#include "onnx_model.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>

#include "egaze/error.hpp"
#include "file_bytes.hpp"
#include "model_spec.hpp"
#include "onnx/messages.hpp"
#include "onnx/node_builder.hpp"
#include "rules.hpp"
#include "sha256.hpp"

namespace egaze::detail {
namespace {

using onnx::Bytes;
using onnx::LayoutError;

constexpr std::size_t kMaxBytes = (std::size_t{1} << 31) - 1;  // protocol buffers hold no more

// SHA-256 of a file without its signature, which ends in its spec, with zeros in the place of the digest.
std::string digest_of(Bytes file, const onnx::Parts& parts, const std::string& stated) {
  const std::string spec_json = without_digest(parts.spec_json, stated);
  Sha256 sha;
  sha.update(file.data(), parts.unsigned_bytes - spec_json.size());
  sha.update(spec_json.data(), spec_json.size());
  return sha.finish();
}

// The bytes of a signature, which the file holds in lower-case hexadecimal digits.
std::optional<ModelSignature> signature_of(const std::optional<std::string_view>& digits) {
  if (!digits) return std::nullopt;
  ModelSignature signature{};
  const std::size_t bytes = signature.key.size() + signature.signature.size();
  if (digits->size() != 2 * bytes || digits->find_first_not_of("0123456789abcdef") != std::string_view::npos) {
    throw LayoutError("its signature does not have " + std::to_string(bytes) + " bytes in hexadecimal digits");
  }
  const auto value = [](char digit) { return digit <= '9' ? digit - '0' : digit - 'a' + 10; };
  for (std::size_t i = 0; i < bytes; ++i) {
    const auto byte = static_cast<unsigned char>(value((*digits)[2 * i]) << 4 | value((*digits)[2 * i + 1]));
    if (i < signature.key.size()) {
      signature.key[i] = byte;
    } else {
      signature.signature[i - signature.key.size()] = byte;
    }
  }
  return signature;
}

// Infers the shapes of all values of a graph for the input that the spec describes.
ProgramProof prove(const onnx::Graph& graph, const ModelSpec& spec, const ModelLimits& limits) {
  onnx::NodeBuilder builder(static_cast<std::int64_t>(spec.input_height_px),
                            static_cast<std::int64_t>(spec.input_width_px), limits);
  for (const auto& [name, constant] : graph.constants) builder.add_constant(name, constant);
  for (const onnx::Node& node : graph.nodes) builder.add(node);
  return builder.finish(onnx::promised_results(spec));
}

// Checks that a file has the bytes in which egaze writes its content, so that it holds nothing else.
void require_written(Bytes file, const onnx::Message& written) {
  const std::optional<std::size_t> end = written.begins(file);
  if (!end) {
    throw LayoutError(
        "it is not written as egaze writes its content: its inputs or outputs are not those of its spec, or it was "
        "changed");
  }
  if (*end < file.size()) throw LayoutError("it is followed by other data");
}

void check(const std::string& path, const ModelLimits& limits, ModelArchive& archive) {
  const Bytes file = archive.bytes;
  const onnx::Parts parts = onnx::read_parts(file);
  archive.spec = parse_model_spec(path, parts.spec_json);
  const ModelSpec& spec = archive.spec;
  if (spec.precision != "fp32") {
    throw LayoutError("its spec states the precision " + spec.precision + ", which ONNX files do not have",
                      ErrorCode::model_spec);
  }
  if (digest_of(file, parts, spec.model_sha256) != spec.model_sha256) {
    throw LayoutError("is damaged or changed: its content does not have the SHA-256 in its spec",
                      ErrorCode::model_digest);
  }
  archive.signature = signature_of(parts.signature);
  const auto start = std::chrono::steady_clock::now();
  const onnx::Graph graph = onnx::read_graph(parts.graph, limits.nodes);
  archive.proof = prove(graph, spec, limits);
  const auto digits = parts.signature ? std::optional(std::string(*parts.signature)) : std::nullopt;
  require_written(file, onnx::write_file(graph, spec, parts.spec_json, digits));
  archive.proof.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace

ModelArchive read_onnx_model(const std::string& path, const ModelLimits& limits) {
  check_limits(limits);
  return check_onnx_model(path, read_bytes(path, kMaxBytes + 1, ErrorCode::model_foreign), limits);
}

ModelArchive check_onnx_model(const std::string& path, std::vector<unsigned char> bytes, const ModelLimits& limits) {
  check_limits(limits);
  if (bytes.size() > kMaxBytes) {
    throw Error(ErrorCode::model_archive, path + ": it is larger than " + std::to_string(kMaxBytes) + " bytes");
  }
  ModelArchive archive;
  archive.bytes = std::move(bytes);
  try {
    check(path, limits, archive);
  } catch (const LayoutError& error) {
    throw Error(error.code(), path + ": " + error.what());
  } catch (const ProgramError& error) {
    throw Error(ErrorCode::model_operator, path + ": its program " + error.what());
  }
  return archive;
}

bool is_onnx(const std::string& path) {
  constexpr std::string_view kSuffix = ".onnx";
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
  return path.size() >= kSuffix.size() &&
         std::ranges::equal(std::string_view(path).substr(path.size() - kSuffix.size()), kSuffix, {}, lower);
}

ModelArchive read_model(const std::string& path, const ModelLimits& limits) {
  return is_onnx(path) ? read_onnx_model(path, limits) : read_model_archive(path, limits);
}

}  // namespace egaze::detail
