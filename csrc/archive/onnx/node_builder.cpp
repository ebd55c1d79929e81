#include "onnx/node_builder.hpp"

#include <algorithm>
#include <unordered_map>
#include <utility>

namespace egaze::detail::onnx {
namespace {

Shape of_images(std::initializer_list<std::int64_t> sizes) {
  Shape shape = {{1, true}};
  for (const std::int64_t size : sizes) shape.push_back({size});
  return shape;
}

void require_possible(const Shape& shape) {
  require(shape.size() <= kMaxDimensions, "makes a tensor with too many dimensions");
  for (const Extent& extent : shape) {
    require(extent.count >= 1 && extent.count <= kMaxSide, "makes a tensor that is too large or empty");
  }
  checked(DType::float32, shape);
}

}  // namespace

NodeBuilder::NodeBuilder(std::int64_t height_px, std::int64_t width_px, const ModelLimits& limits) : limits_(limits) {
  values_[kImage] = {of_images({1, height_px, width_px})};
}

const Shape& NodeBuilder::shape(const std::string& name) const { return values_.at(name).shape; }

void NodeBuilder::add_constant(const std::string& name, Constant constant) {
  if (values_.contains(name)) refuse("has two values named '" + name + "'");
  require(constant.dims.size() <= kMaxDimensions, "has a constant with too many dimensions");
  Shape shape;
  for (const std::int64_t side : constant.dims) shape.push_back({side});
  elements_of(shape);
  const auto& added = graph_.constants.emplace_back(name, std::move(constant));
  values_[name] = {std::move(shape), &added.second};
}

Outcome NodeBuilder::inferred(const Node& node) const {
  const Rule* rule = find_rule(node.op_type);
  require(rule != nullptr, "uses an operator that no exported model uses");
  require(node.inputs.size() >= rule->least_inputs && node.inputs.size() <= rule->most_inputs,
          "has another number of inputs");
  bool computes = false;
  for (const std::string& name : node.inputs) {
    if (name.empty()) continue;
    const auto value = values_.find(name);
    if (value == values_.end()) refuse("uses '" + name + "', which is not computed before");
    computes |= value->second.constant == nullptr;
  }
  require(computes, "computes from constants alone");
  for (const auto& [name, value] : node.attributes) {
    const auto known = std::ranges::find(rule->attributes, name, [](const auto& each) { return each.first; });
    if (known == rule->attributes.end()) refuse("has an attribute '" + name + "', which no exported model has");
    if (value.index() != static_cast<std::size_t>(known->second)) {
      refuse("has an attribute '" + name + "' of another kind");
    }
  }
  require(!node.outputs.empty() && node.outputs.size() <= rule->most_outputs, "has another number of outputs");
  for (const std::string& name : node.outputs) {
    if (values_.contains(name)) refuse("has two values named '" + name + "'");
  }
  const std::unordered_set<std::string> names(node.outputs.begin(), node.outputs.end());
  require(names.size() == node.outputs.size(), "has two outputs of one name");
  Outcome outcome = rule->infer(Arguments(node, values_));
  require(outcome.shapes.size() == node.outputs.size(), "has another number of outputs");
  std::ranges::for_each(outcome.shapes, require_possible);
  return outcome;
}

void NodeBuilder::add(Node node) {
  Outcome outcome;
  try {
    outcome = inferred(node);
  } catch (const ProgramError& error) {
    refuse(std::string(error.what()) + " (operator " + std::to_string(graph_.nodes.size() + 1) + ", '" + node.op_type +
           "')");
  }
  multiplications_ = plus(multiplications_, outcome.multiplications);
  for (std::size_t i = 0; i < node.outputs.size(); ++i) {
    multiplications_ = plus(multiplications_, elements_of(outcome.shapes[i]));
    values_[node.outputs[i]] = {std::move(outcome.shapes[i])};
  }
  if (multiplications_ > limits_.multiplications) {
    refuse("needs more multiplications for one image than the limit multiplications=" +
           std::to_string(limits_.multiplications));
  }
  results_ += std::ssize(node.outputs);
  if (results_ > limits_.nodes) {
    refuse("has more operators than the limit nodes=" + std::to_string(limits_.nodes));
  }
  used_.insert(node.inputs.begin(), node.inputs.end());
  scratch_bytes_.push_back(outcome.scratch_bytes);
  graph_.nodes.push_back(std::move(node));
}

ProgramProof NodeBuilder::finish(const Results& promised) {
  for (const auto& [name, shape] : promised) {
    const auto value = values_.find(name);
    if (value == values_.end() || value->second.constant != nullptr || value->second.shape != shape) {
      refuse("does not compute '" + name + "'");
    }
  }
  for (const auto& [name, constant] : graph_.constants) {
    if (!used_.contains(name)) refuse("has a constant '" + name + "' that is not used");
  }
  const ProgramProof proof = {results_, bytes_at_work(promised), multiplications_, 0.0};
  if (proof.bytes_at_work > limits_.bytes_at_work) {
    refuse(
        "needs " + std::to_string(proof.bytes_at_work) +
        " bytes of memory for one image, more than the limit bytes_at_work=" + std::to_string(limits_.bytes_at_work));
  }
  return proof;
}

// The most that the tensors of one image need at the same time, with what the operator then needs.
std::int64_t NodeBuilder::bytes_at_work(const Results& results) const {
  std::unordered_map<std::string, std::size_t> last_use;
  for (std::size_t at = 0; at < graph_.nodes.size(); ++at) {
    for (const std::string& name : graph_.nodes[at].inputs) last_use[name] = at;
  }
  for (const auto& [name, shape] : results) last_use[name] = graph_.nodes.size();
  std::unordered_map<std::string, std::int64_t> alive;
  std::int64_t held = 0, most = 0;
  const auto hold = [&](const std::string& name) { held += alive[name] = 4 * elements_of(shape(name)); };
  hold(kImage);
  for (std::size_t at = 0; at < graph_.nodes.size(); ++at) {
    const Node& node = graph_.nodes[at];
    for (const std::string& name : node.outputs) hold(name);
    most = std::max(most, plus(held, scratch_bytes_[at]));
    for (const auto* names : {&node.inputs, &node.outputs}) {
      for (const std::string& name : *names) {
        const auto living = alive.find(name);
        const auto last = last_use.find(name);
        if (living == alive.end() || (last != last_use.end() && last->second > at)) continue;
        held -= living->second;
        alive.erase(living);
      }
    }
  }
  return most;
}

Results promised_results(const ModelSpec& spec) {
  const auto classes = static_cast<std::int64_t>(spec.class_names.size()),
             height = static_cast<std::int64_t>(spec.input_height_px),
             width = static_cast<std::int64_t>(spec.input_width_px);
  Results results = {{kClassProbs, of_images({classes})}, {kHeatmap, of_images({1, height, width})}};
  if (spec.class_heatmaps) results.emplace_back(kClassHeatmaps, of_images({classes, height, width}));
  return results;
}

}  // namespace egaze::detail::onnx
