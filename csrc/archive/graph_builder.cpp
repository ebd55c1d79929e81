#include "graph_builder.hpp"

#include <algorithm>
#include <span>
#include <string>
#include <utility>

namespace egaze::detail {
namespace {

std::span<const ValueId> tensors_in(const Argument& argument) {
  if (const auto* tensor = std::get_if<Tensor>(&argument)) return {&tensor->id, 1};
  if (const auto* tensors = std::get_if<Tensors>(&argument)) return tensors->ids;
  return {};
}

}  // namespace

GraphBuilder::GraphBuilder(std::int64_t height_px, std::int64_t width_px, const std::vector<TensorType>& constants,
                           const ModelLimits& limits)
    : constants_(constants), limits_(limits) {
  add_value({DType::float32, {{1, true}, {1}, {height_px}, {width_px}}}, add_region(true));
}

std::size_t GraphBuilder::add_region(bool outlives_call) {
  regions_.push_back({.outlives_call = outlives_call});
  return regions_.size() - 1;
}

ValueId GraphBuilder::add_value(TensorType type, std::size_t region, bool overlaps) {
  graph_.values.push_back({std::move(type), region, overlaps});
  return graph_.values.size() - 1;
}

Argument GraphBuilder::constant(std::size_t index) {
  if (index >= constants_.size()) throw ProgramError("uses a constant that the archive does not contain");
  if (std::ranges::any_of(constants_[index].shape, [](const Extent& extent) { return extent.count < 1; })) {
    throw ProgramError("uses a constant without elements");
  }
  const auto [entry, added] = constant_values_.try_emplace(index, 0);
  if (added) {
    entry->second = add_value(constants_[index], add_region(true));
    graph_.constants[entry->second] = index;
  }
  return Tensor{entry->second};
}

void GraphBuilder::read(const Argument& argument) {
  for (const ValueId id : tensors_in(argument)) {
    Region& region = regions_[graph_.values[id].region];
    if (region.changed) throw ProgramError("reads a tensor after its memory was changed in place");
    region.last_node = graph_.nodes.size();
  }
}

Argument GraphBuilder::call(std::string_view name, std::vector<CallArgument> arguments) {
  const bool in_place = name.ends_with('_');
  const Operator* op = find_operator(in_place ? name.substr(0, name.size() - 1) : name);
  if (op == nullptr || (in_place && !op->rule->in_place)) {
    throw ProgramError("uses 'torch." + std::string(name.substr(0, 80)) + "', which no exported model needs");
  }
  try {
    std::vector<Argument> bound = bind(op->parameters, std::move(arguments));
    for (const Argument& argument : bound) read(argument);
    Outcome outcome = op->rule->infer(Arguments(bound, graph_.values));
    return add_node(name, *op, std::move(bound), std::move(outcome));
  } catch (const ProgramError& error) {
    throw ProgramError(std::string(error.what()) + ", in 'torch." + std::string(name) + "'");
  }
}

void GraphBuilder::count_work(const Outcome& outcome) {
  const std::int64_t results = results_ + std::ssize(outcome.types);
  if (results > limits_.nodes) {
    throw ProgramError("has more operators than the limit nodes=" + std::to_string(limits_.nodes));
  }
  std::int64_t multiplications = graph_.multiplications + outcome.multiplications;
  for (const TensorType& type : outcome.types) multiplications += elements_of(type.shape);
  if (multiplications > limits_.multiplications) {
    throw ProgramError("needs more multiplications for one image than the limit multiplications=" +
                       std::to_string(limits_.multiplications));
  }
  results_ = results;
  graph_.multiplications = multiplications;
}

Argument GraphBuilder::add_node(std::string_view name, const Operator& op, std::vector<Argument> arguments,
                                Outcome outcome) {
  count_work(outcome);
  const bool in_place = name.ends_with('_');
  std::int64_t bytes = 0;
  for (const TensorType& type : outcome.types) bytes += bytes_of(type);
  std::size_t region = 0;
  bool overlaps = false;
  if (in_place) {
    region = change_in_place(arguments, outcome.types.front());
  } else if (outcome.memory == Memory::own) {
    region = add_region(false);
    regions_[region].first_node = graph_.nodes.size();
  } else {
    const Value& source = graph_.values[tensors_in(arguments.front()).front()];
    region = source.region;
    overlaps = source.overlaps || outcome.memory == Memory::overlaps;
  }
  // Operators may copy an expanded tensor to memory where no two of its elements share an address.
  if (!in_place && outcome.memory != Memory::shares) regions_[region].bytes += bytes;
  regions_[region].last_node = graph_.nodes.size();

  Node node{std::string(name), &op.parameters, std::move(arguments), {}, op.rule->returns_list};
  for (TensorType& type : outcome.types) node.outputs.push_back(add_value(std::move(type), region, overlaps));
  graph_.nodes.push_back(std::move(node));
  scratch_bytes_.push_back(outcome.scratch_bytes);
  const std::vector<ValueId>& outputs = graph_.nodes.back().outputs;
  if (op.rule->returns_list) return Tensors{outputs};
  return Tensor{outputs.front()};
}

// Returns the region of the changed values.
std::size_t GraphBuilder::change_in_place(const std::vector<Argument>& arguments, const TensorType& result) {
  const Value& target = graph_.values[std::get<Tensor>(arguments.front()).id];
  if (regions_[target.region].outlives_call) throw ProgramError("changes a constant or the image in place");
  if (target.overlaps || target.type != result)
    throw ProgramError("changes a tensor in place that cannot hold the result");
  for (std::size_t i = 1; i < arguments.size(); ++i) {
    for (const ValueId id : tensors_in(arguments[i])) {
      if (graph_.values[id].region == target.region) throw ProgramError("changes a tensor in place that it also reads");
    }
  }
  Region after = regions_[target.region];
  regions_[target.region].changed = true;
  regions_[target.region].bytes = 0;  // they are counted for the new region
  regions_.push_back(after);
  return regions_.size() - 1;
}

ValueId GraphBuilder::result(const Argument& argument, const TensorType& promised, const char* name) {
  const auto* tensor = std::get_if<Tensor>(&argument);
  if (tensor == nullptr) throw ProgramError(std::string("returns ") + name + " that is not a tensor");
  read(argument);
  const auto& [type, region, overlaps] = graph_.values[tensor->id];
  // The caller could write to it.
  const bool is_image = region == graph_.values.front().region;
  if (regions_[region].outlives_call && !is_image) throw ProgramError(std::string("returns a constant as ") + name);
  if (type != promised) {
    throw ProgramError(std::string("returns ") + name + " of type " + text_of(type) + ", but its spec promises " +
                       text_of(promised));
  }
  return tensor->id;
}

TypedGraph GraphBuilder::finish(std::span<const Argument> results, std::int64_t classes) {
  const TensorType image = graph_.values.front().type;
  graph_.class_probs = result(results[0], {DType::float32, {{1, true}, {classes}}}, "class_probs");
  graph_.heatmap = result(results[1], image, "heatmap");
  if (results.size() > 2) {
    TensorType of_each_class = image;
    of_each_class.shape[1].count = classes;
    graph_.class_heatmaps = result(results[2], of_each_class, "class_heatmaps");
  }
  count_bytes();
  return std::move(graph_);
}

void GraphBuilder::count_bytes() {
  std::vector<std::int64_t> change(graph_.nodes.size() + 2, 0);
  for (const Region& region : regions_) {
    if (region.outlives_call && region.bytes == 0) continue;
    change[region.first_node] += region.bytes;
    change[region.last_node + 1] -= region.bytes;
  }
  std::int64_t bytes = 0;
  for (std::size_t i = 0; i < change.size(); ++i) {
    bytes += change[i];
    const std::int64_t scratch = i < scratch_bytes_.size() ? scratch_bytes_[i] : 0;
    graph_.bytes_at_work = std::max(graph_.bytes_at_work, bytes + scratch);
  }
  if (graph_.bytes_at_work > limits_.bytes_at_work) {
    throw ProgramError(
        "needs " + std::to_string(graph_.bytes_at_work) +
        " bytes of memory for one image, more than the limit bytes_at_work=" + std::to_string(limits_.bytes_at_work));
  }
}

}  // namespace egaze::detail
