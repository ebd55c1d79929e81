// Builds a typed graph, one operator after another.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string_view>
#include <vector>

#include "egaze/model_limits.hpp"
#include "operator_rules.hpp"
#include "operator_signature.hpp"
#include "typed_graph.hpp"

namespace egaze::detail {

// Infers the types and shapes of each operator's results from its arguments. Refuses an operator
// - that has no rule, or whose arguments do not satisfy its rule,
// - that changes a tensor in place which outlives the call, or whose elements share addresses,
// - that reads a tensor whose memory was changed in place after the tensor was computed,
// - that exceeds a limit.
// All methods throw ProgramError.
class GraphBuilder {
 public:
  // For images of shape (N, 1, height, width) and type float32, and for the tensors of the archive.
  GraphBuilder(std::int64_t height_px, std::int64_t width_px, const std::vector<TensorType>& constants,
               const ModelLimits& limits);

  static Argument image() { return Tensor{0}; }
  Argument constant(std::size_t index);

  // Adds an operator, whose name is given without "torch.", and returns its result: a tensor or a list of tensors.
  Argument call(std::string_view name, std::vector<CallArgument> arguments);

  // Ends the program with its results: float32 of shapes (N, classes), (N, 1, height, width) and, if there is a third,
  // (N, classes, height, width).
  TypedGraph finish(std::span<const Argument> results, std::int64_t classes);

 private:
  // Memory that one or more values share.
  struct Region {
    bool outlives_call;
    bool changed = false;        // whether the values were overwritten
    std::size_t first_node = 0;  // the node that allocates it
    std::size_t last_node = 0;   // the last node that uses it
    std::int64_t bytes = 0;
  };

  std::size_t add_region(bool outlives_call);
  ValueId add_value(TensorType type, std::size_t region, bool overlaps = false);
  void read(const Argument& argument);
  Argument add_node(std::string_view name, const Operator& op, std::vector<Argument> arguments, Outcome outcome);
  void count_work(const Outcome& outcome);
  std::size_t change_in_place(const std::vector<Argument>& arguments, const TensorType& result);
  ValueId result(const Argument& argument, const TensorType& promised, const char* name);
  void count_bytes();

  const std::vector<TensorType>& constants_;
  const ModelLimits& limits_;
  TypedGraph graph_;
  std::vector<Region> regions_;
  std::vector<std::int64_t> scratch_bytes_;         // of each node
  std::int64_t results_ = 0;                        // the number of tensors that operators returned
  std::map<std::size_t, ValueId> constant_values_;  // constants that the program uses, by their index
};

}  // namespace egaze::detail
