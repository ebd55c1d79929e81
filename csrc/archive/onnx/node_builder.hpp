// Proves a graph operator by operator: types and shapes, memory and work.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_set>
#include <vector>

#include "egaze/model_limits.hpp"
#include "egaze/model_spec.hpp"
#include "model_archive.hpp"
#include "onnx/graph.hpp"
#include "onnx/node_rules.hpp"

namespace egaze::detail::onnx {

// Infers the shape of each operator's results from its arguments. Refuses an operator that has no rule or whose arguments
// do not satisfy it, that computes from constants alone, or that exceeds a limit. All methods throw ProgramError.
class NodeBuilder {
 public:
  // For images of shape (N, 1, height, width).
  NodeBuilder(std::int64_t height_px, std::int64_t width_px, const ModelLimits& limits);
  NodeBuilder(const NodeBuilder&) = delete;
  NodeBuilder& operator=(const NodeBuilder&) = delete;

  void add_constant(const std::string& name, Constant constant);
  void add(Node node);
  const Shape& shape(const std::string& name) const;  // of a value or constant that there is

  // Ends the program with its results, which are values of these names and shapes.
  ProgramProof finish(const Results& promised);
  const Graph& graph() const { return graph_; }

 private:
  Outcome inferred(const Node& node) const;
  std::int64_t bytes_at_work(const Results& results) const;

  ModelLimits limits_;
  Graph graph_;
  KnownValues values_;  // constants among them are those of graph_
  std::unordered_set<std::string> used_;
  std::vector<std::int64_t> scratch_bytes_;  // of each node
  std::int64_t multiplications_ = 0, results_ = 0;
};

// The results that a spec promises.
Results promised_results(const ModelSpec& spec);

}  // namespace egaze::detail::onnx
