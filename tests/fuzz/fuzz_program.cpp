// Parsing any text gives a graph or throws ProgramError, and parsing a graph that was written gives the same graph.
#include <cstdlib>
#include <optional>
#include <string>

#include "program_grammar.hpp"
#include "program_parser.hpp"

namespace {

void parse(const std::string& text) {
  try {
    const egaze::ModelLimits limits{.nodes = 1000};
    const std::string written = egaze::detail::write_program(egaze::detail::parse_program(
        text, {fuzz::kHeightPx, fuzz::kWidthPx, fuzz::constants(), limits}, fuzz::kClasses, limits.nesting));
    const egaze::detail::TypedGraph again = egaze::detail::parse_program(
        written, {fuzz::kHeightPx, fuzz::kWidthPx, fuzz::constants(), limits}, fuzz::kClasses, limits.nesting);
    if (egaze::detail::write_program(again) != written) std::abort();
  } catch (const egaze::detail::ProgramError&) {  // NOLINT(bugprone-empty-catch): refusing is allowed
  }
}

// No graph if the program as a whole exceeds a limit.
std::optional<egaze::detail::TypedGraph> graph_of(fuzz::Bytes& bytes) {
  try {
    return fuzz::ProgramGrammar(bytes).graph(12);
  } catch (const egaze::detail::ProgramError&) {
    return std::nullopt;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Bytes bytes(data, size);
  const std::size_t way = bytes.below(4);
  if (way == 0) {  // an arbitrary text
    parse(std::string(egaze::detail::kProgramHead) + std::string(data + std::min<std::size_t>(size, 2), data + size));
    return 0;
  }
  const std::size_t changed = bytes.take<std::uint16_t>();
  const auto by = bytes.take<char>();
  const std::optional<egaze::detail::TypedGraph> graph = graph_of(bytes);
  if (!graph) return 0;
  std::string text = egaze::detail::write_program(*graph);
  if (way == 1) {  // a program with one changed character
    text[changed % text.size()] = by;
    parse(text);
    return 0;
  }
  const egaze::ModelLimits limits;
  const egaze::detail::TypedGraph again = egaze::detail::parse_program(
      text, {fuzz::kHeightPx, fuzz::kWidthPx, fuzz::constants(), limits}, fuzz::kClasses, limits.nesting);
  if (egaze::detail::write_program(again) != text || again.nodes.size() != graph->nodes.size()) std::abort();
  return 0;
}
