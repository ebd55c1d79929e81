#include "cpu_fusion.hpp"

#include <torch/csrc/jit/ir/constants.h>
#include <torch/csrc/jit/ir/ir.h>
#include <torch/csrc/jit/passes/dead_code_elimination.h>
#include <torch/csrc/jit/runtime/interpreter.h>

#include <algorithm>
#include <exception>
#include <memory>
#include <optional>
#include <vector>

#include "convolution.hpp"
#include "depthwise_fusion.hpp"

namespace egaze::detail {
namespace {

using torch::jit::Graph;
using torch::jit::Node;
using torch::jit::Stack;
using torch::jit::Value;

bool all(const Ints& ints, std::int64_t wanted) {
  return std::ranges::all_of(ints, [wanted](std::int64_t value) { return value == wanted; });
}

std::optional<Ints> constant_ints(Value* value) {
  if (const auto constant = torch::jit::toIValue(value)) {
    return constant->isIntList() ? std::optional(constant->toIntVector()) : std::nullopt;
  }
  if (value->node()->kind() != c10::prim::ListConstruct) return std::nullopt;
  Ints ints;
  for (Value* element : value->node()->inputs()) {
    const auto constant = torch::jit::toIValue(element);
    if (!constant || !constant->isInt()) return std::nullopt;
    ints.push_back(constant->toInt());
  }
  return ints;
}

std::optional<Convolution> read_convolution(Node* node) {
  if (node->kind() != c10::aten::conv2d || node->inputs().size() != 7) return std::nullopt;
  const auto weight = torch::jit::toIValue(node->input(1)), bias = torch::jit::toIValue(node->input(2));
  const auto stride = constant_ints(node->input(3)), padding = constant_ints(node->input(4));
  const auto dilation = constant_ints(node->input(5));
  const auto groups = torch::jit::toIValue(node->input(6));
  if (!weight || !weight->isTensor() || !bias || !stride || !padding || !dilation || !groups) return std::nullopt;
  return Convolution{.node = node,
                     .weight = weight->toTensor(),
                     .bias = *bias,
                     .stride = *stride,
                     .padding = *padding,
                     .dilation = *dilation,
                     .groups = groups->toInt()};
}

// Below, steps must follow one another: then nothing changes in between what they read.

bool is_padding(const Node* node) { return node->kind() == c10::aten::pad && node->inputs().size() == 4; }

// A U-Net's step up: upsample, join the skip, convolve.
void find_upsampling(Convolution& convolution) {
  Node* before = convolution.node->input(0)->node();
  if (before->next() != convolution.node) return;
  Node* list = nullptr;
  if (before->kind() == c10::aten::cat) {
    list = before->input(0)->node();
    const auto dimension = torch::jit::toIValue(before->input(1));
    if (list->kind() != c10::prim::ListConstruct || list->inputs().size() != 2 || list->next() != before ||
        !dimension || !dimension->isInt() || dimension->toInt() != 1 || list->input(0)->node()->next() != list) {
      return;
    }
    before = list->input(0)->node();
  }
  if (before->kind() != c10::aten::upsample_nearest2d) return;
  for (std::size_t i = 2; i < before->inputs().size(); ++i) {
    if (!before->input(i)->mustBeNone()) return;  // a scale of its own
  }
  convolution.upsampling = before;
  convolution.joined = list;
}

void find_addition(Convolution& convolution) {
  Node* next = convolution.node->next();
  const auto& uses = convolution.node->output()->uses();
  if (uses.size() != 1 || uses[0].user != next || next->inputs().size() != 3) return;
  if (next->kind() != c10::aten::add && next->kind() != c10::aten::add_) return;
  const auto scale = torch::jit::toIValue(next->input(2));
  if (scale && scale->isInt() && scale->toInt() == 1) convolution.addition = next;
}

// What the values are when the program sees a radiograph of the model's size.
std::vector<c10::IValue> observe(const torch::jit::Module& module, const ModelSpec& spec,
                                 const std::vector<Value*>& values) {
  const std::shared_ptr<Graph> graph = module.get_method("forward").graph();
  const std::size_t before = graph->outputs().size();
  for (Value* value : values) graph->registerOutput(value);
  const std::shared_ptr<Graph> observing = graph->copy();
  while (graph->outputs().size() > before) graph->eraseOutput(graph->outputs().size() - 1);
  const at::Tensor image = at::zeros(
      {1, 1, static_cast<std::int64_t>(spec.input_height_px), static_cast<std::int64_t>(spec.input_width_px)});
  Stack stack = {module._ivalue(), image};
  torch::jit::InterpreterState(torch::jit::Code(observing, "observe")).run(stack);
  return {stack.end() - static_cast<std::ptrdiff_t>(values.size()), stack.end()};
}

Ints shape_of(const c10::IValue& value) { return value.isTensor() ? value.toTensor().sizes().vec() : Ints{}; }

// Of zeros, no fewer on the right and below: a convolution of stride 2 may have such a step of its own.
void find_padding(Convolution& convolution, const Ints& sides, const Ints& unpadded_shape) {
  Node* pad = convolution.node->input(0)->node();
  const auto mode = torch::jit::toIValue(pad->input(2)), value = torch::jit::toIValue(pad->input(3));
  const bool zeros = mode && mode->isString() && mode->toStringRef() == "constant" && value &&
                     (value->isNone() || (value->isDouble() && value->toDouble() == 0.0));
  if (!zeros || sides.size() != 4 || !all(convolution.padding, 0) || !all(convolution.dilation, 1)) return;
  const std::int64_t left = sides[0], right = sides[1], top = sides[2], bottom = sides[3];
  if (left < 0 || top < 0 || left > right || top > bottom) return;
  convolution.pad = pad;
  convolution.pad_sides = sides;
  convolution.input_shape = unpadded_shape;
}

// Only a step up by two, and a convolution of 3x3 that keeps the size, become a transposed convolution.
bool doubles(const Convolution& convolution, const Ints& coarse_shape) {
  const Ints& fine = convolution.input_shape;
  const at::Tensor& weight = convolution.weight;
  return coarse_shape.size() == 4 && fine.size() == 4 && fine[2] == 2 * coarse_shape[2] &&
         fine[3] == 2 * coarse_shape[3] && weight.dim() == 4 && weight.size(2) == 3 && weight.size(3) == 3 &&
         all(convolution.stride, 1) && all(convolution.padding, 1) && all(convolution.dilation, 1) &&
         convolution.groups == 1;
}

// Every convolution of the program's own block, with its input's shape and what it can take over.
std::vector<Convolution> find_convolutions(const torch::jit::Module& module, const ModelSpec& spec) {
  std::vector<Convolution> found;
  std::vector<Value*> values;
  for (Node* node : module.get_method("forward").graph()->block()->nodes()) {
    std::optional<Convolution> convolution = read_convolution(node);
    if (!convolution) continue;
    find_upsampling(*convolution);
    find_addition(*convolution);
    Value* input = node->input(0);
    const bool padded = is_padding(input->node());
    values.insert(values.end(),
                  {input, padded ? input->node()->input(0) : input, padded ? input->node()->input(1) : input,
                   convolution->upsampling != nullptr ? convolution->coarse() : input, node->output(),
                   convolution->addition != nullptr ? convolution->added() : input});
    found.push_back(std::move(*convolution));
  }
  const std::vector<c10::IValue> seen = observe(module, spec, values);
  for (std::size_t i = 0; i < found.size(); ++i) {
    Convolution& each = found[i];
    const c10::IValue* of = seen.data() + 6 * i;  // in the order above
    each.input_shape = shape_of(of[0]);
    if (of[2].isIntList()) find_padding(each, of[2].toIntVector(), shape_of(of[1]));
    each.coarse_shape = shape_of(of[3]);
    if (!doubles(each, each.coarse_shape)) each.upsampling = nullptr;
    if (!of[5].isTensor() || shape_of(of[5]) != shape_of(of[4]) ||
        of[5].toTensor().scalar_type() != of[4].toTensor().scalar_type()) {
      each.addition = nullptr;
    }
  }
  std::erase_if(found, [](const Convolution& each) { return each.input_shape.size() != 4; });
  return found;
}

bool can_compute(const Convolution& convolution, bool bf16) {
  const c10::ScalarType type = convolution.weight.scalar_type();
  return convolution.weight.dim() == 4 && convolution.padding.size() == 2 &&
         (type == c10::kFloat || (type == c10::kBFloat16 && bf16));
}

// Squeeze and excitation: channels weighed by a function of their means. Where nothing else reads them any more they
// are weighed where they are.
void weigh_in_place(Graph& graph) {
  std::vector<Node*> weighings;
  for (Node* node : graph.block()->nodes()) {
    if (node->kind() != c10::aten::mul || !is_fused(node->input(0))) continue;
    Node* gate = node->input(1)->node();
    const bool sigmoid = gate->kind() == c10::aten::sigmoid || gate->kind() == c10::aten::hardsigmoid;
    // What write_product leaves, so that the gate has one pixel.
    if (!sigmoid || gate->input(0)->node()->kind() != c10::aten::unsqueeze) continue;
    const auto& uses = node->input(0)->uses();
    if (std::ranges::all_of(uses, [node](const torch::jit::Use& use) {
          return use.user == node || (use.user->kind() == c10::aten::mean && use.user->isBefore(node));
        })) {
      weighings.push_back(node);
    }
  }
  for (Node* node : weighings) {
    const torch::jit::WithInsertPoint here(node);
    node->output()->replaceAllUsesWith(graph.insert(c10::aten::mul_, {node->input(0), node->input(1)}));
    node->destroy();
  }
}

}  // namespace

void fuse_for_cpu(torch::jit::Module& module, const ModelSpec& spec) {
  if (!has_fused_operators()) return;
  const at::NoGradGuard no_grad;
  Graph& graph = *module.get_method("forward").graph();
  std::vector<Convolution> convolutions;
  try {
    convolutions = find_convolutions(module, spec);
  } catch (const std::exception&) {
    return;  // it does not run on a black radiograph; what is wrong with it shows when it is asked
  }
  take_over_depthwise(graph, convolutions);
  const bool bf16 = fused_operators_take_bf16();
  for (const Convolution& convolution : convolutions) {
    if (!can_compute(convolution, bf16)) continue;
    if (is_product(convolution)) {
      write_product(graph, convolution);
    } else if (convolution.upsampling != nullptr) {
      write_step_up(graph, convolution);
    } else {
      write_pointwise(graph, convolution);
    }
    convolution.node->destroy();
  }
  weigh_in_place(graph);
  torch::jit::EliminateDeadCode(module.get_method("forward").graph());
}

}  // namespace egaze::detail
