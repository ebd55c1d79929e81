// Operators to a typed graph, one after the other.
#pragma once

#include <cstdint>
#include <map>
#include <string_view>
#include <vector>

#include "egaze/model_limits.hpp"
#include "operator_rules.hpp"
#include "operator_signature.hpp"
#include "typed_graph.hpp"

namespace egaze::detail {

// Infers what each operator gives from what it is given, and refuses an operator that
// - has no rule, or whose rule does not hold,
// - changes in place what outlives the call, lies in memory twice, or is read again later by another name,
// - goes beyond the limits.
// Every method throws ProgramError.
class GraphBuilder {
 public:
  // For images of (N, 1, height, width) float32 and the archive's tensors.
  GraphBuilder(std::int64_t height_px, std::int64_t width_px, const std::vector<TensorType>& constants,
               const ModelLimits& limits);

  static Argument image() { return Tensor{0}; }
  Argument constant(std::size_t index);

  // What the operator of a name without "torch." gives: a tensor, or several.
  Argument call(std::string_view name, std::vector<CallArgument> arguments);

  // The program's answer: (N, classes) and (N, 1, height, width) float32.
  TypedGraph finish(const Argument& class_probs, const Argument& heatmap, std::int64_t classes);

 private:
  // Where values lie that may share memory.
  struct Region {
    bool outlives_call;
    bool changed = false;        // what was there is no longer
    std::size_t first_node = 0;  // that fills it
    std::size_t last_node = 0;   // that reads it
    std::int64_t bytes = 0;
  };

  std::size_t add_region(bool outlives_call);
  ValueId add_value(TensorType type, std::size_t region, bool overlaps = false);
  void read(const Argument& argument);
  Argument add_node(std::string_view name, const Operator& op, std::vector<Argument> arguments, Outcome outcome);
  void count_work(const Outcome& outcome);
  std::size_t change_in_place(const std::vector<Argument>& arguments, const TensorType& result);
  ValueId answer(const Argument& argument, const TensorType& promised, const char* name);
  void count_bytes();

  const std::vector<TensorType>& constants_;
  const ModelLimits& limits_;
  TypedGraph graph_;
  std::vector<Region> regions_;
  std::vector<std::int64_t> scratch_bytes_;         // of each node
  std::int64_t given_ = 0;                          // values that operators gave
  std::map<std::size_t, ValueId> constant_values_;  // those that the program names
};

}  // namespace egaze::detail
