// ONNX files as bytes: each content has one form, in which egaze writes it and outside of which it reads nothing.
//
// Fields are in the order of their numbers, those that egaze does not use are absent, and constants are raw bytes within
// the file. A file that is read has therefore no place for anything that the check does not see.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

#include "egaze/error.hpp"
#include "egaze/model_spec.hpp"
#include "onnx/graph.hpp"
#include "onnx/wire.hpp"

namespace egaze::detail::onnx {

// A file that egaze did not write, or that was changed; what is said goes on from its path.
class LayoutError : public std::runtime_error {
 public:
  explicit LayoutError(const std::string& what, ErrorCode code = ErrorCode::model_archive)
      : std::runtime_error(what), code_(code) {}
  ErrorCode code() const { return code_; }

 private:
  ErrorCode code_;
};

// The parts of a file, of which the graph has not been read.
struct Parts {
  Bytes graph;  // its message
  std::string_view spec_json = {};
  std::optional<std::string_view> signature = {};  // in hexadecimal digits
  std::size_t unsigned_bytes = 0;                  // the length of the file without the signature
};

// Throws LayoutError if the file is no ONNX file, or holds other parts than those of an exported model.
Parts read_parts(Bytes file);

// Reads a graph, of which nothing but the bounds of its message has been checked. Throws LayoutError if it holds something
// that no exported model holds, and ProgramError if it exceeds a limit, or holds operators of other domains.
Graph read_graph(Bytes message, std::int64_t most_nodes);

// Writes a file, which refers to the graph's constants. The spec is that of the text.
Message write_file(const Graph& graph, const ModelSpec& spec, std::string_view spec_json,
                   const std::optional<std::string>& signature_digits);

}  // namespace egaze::detail::onnx
