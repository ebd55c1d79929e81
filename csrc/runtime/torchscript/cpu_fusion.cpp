#include "cpu_fusion.hpp"

#include <torch/csrc/jit/ir/constants.h>
#include <torch/csrc/jit/ir/ir.h>
#include <torch/csrc/jit/passes/dead_code_elimination.h>
#include <torch/csrc/jit/runtime/interpreter.h>

#include <algorithm>
#include <exception>
#include <memory>
#include <optional>
#include <unordered_set>
#include <vector>

#include "convolution.hpp"
#include "depthwise_fusion.hpp"
#include "precision.hpp"

namespace egaze::detail {
namespace {

using torch::jit::Graph;
using torch::jit::Node;
using torch::jit::Stack;
using torch::jit::Value;

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

// The functions below require that steps follow one another directly, so that no value can change between them.

bool is_padded(Node* convolution) {
  const Node* before = convolution->input(0)->node();
  return before->kind() == c10::aten::pad && before->inputs().size() == 4 && step_before(convolution) == before;
}

// Finds a decoder step: upsampling, concatenation with the skip, convolution.
void find_upsampling(Convolution& convolution) {
  Node* before = convolution.node->input(0)->node();
  if (step_before(convolution.node) != before) return;
  Node* list = nullptr;
  if (before->kind() == c10::aten::cat) {
    list = before->input(0)->node();
    const auto dimension = torch::jit::toIValue(before->input(1));
    if (list->kind() != c10::prim::ListConstruct || list->inputs().size() != 2 || step_before(before) != list ||
        !dimension || !dimension->isInt() || dimension->toInt() != 1 || step_before(list) != list->input(0)->node()) {
      return;
    }
    before = list->input(0)->node();
  }
  if (before->kind() != c10::aten::upsample_nearest2d) return;
  for (std::size_t i = 2; i < before->inputs().size(); ++i) {
    if (!before->input(i)->mustBeNone()) return;  // an explicit scale
  }
  convolution.upsampling = before;
  convolution.joined = list;
}

void find_addition(Convolution& convolution) {
  const Value* output = convolution.node->output();
  Node* next = user_of(output);
  if (next == nullptr || step_before(next) != convolution.node || next->inputs().size() != 3) return;
  // After an addition in place, other users of the left operand would see the sum.
  const bool in_place = next->kind() == c10::aten::add_;
  if (next->kind() != c10::aten::add && !(in_place && next->input(0) == output)) return;
  const auto scale = torch::jit::toIValue(next->input(2));
  if (scale && scale->isInt() && scale->toInt() == 1) convolution.addition = next;
}

bool holds_tensors(const c10::TypePtr& type) {
  if (type->kind() == c10::TypeKind::TensorType || type->kind() == c10::TypeKind::AnyType) return true;
  return std::ranges::any_of(type->containedTypes(), holds_tensors);
}

// Whether a shape may depend on the result of this step, which depends on a tensor's content; or the step changes a
// tensor's shape in place. Steps that only return shapes or types are not meant.
bool makes_shapes(const Node* node) {
  constexpr const char* kAsking[] = {"aten::device", "aten::dim",   "aten::is_complex", "aten::is_floating_point",
                                     "aten::keys",   "aten::len",   "aten::numel",      "aten::size",
                                     "prim::device", "prim::dtype", "prim::isinstance"};
  constexpr const char* kReshaping[] = {"aten::as_strided_", "aten::resize_",   "aten::resize_as_", "aten::set_",
                                        "aten::squeeze_",    "aten::swapaxes_", "aten::swapdims_",  "aten::t_",
                                        "aten::transpose_",  "aten::unsqueeze_"};
  const auto is = [node](const char* name) { return node->kind() == c10::Symbol::fromQualString(name); };
  if (std::ranges::any_of(kReshaping, is)) return true;
  const auto of_tensors = [](const Value* value) { return holds_tensors(value->type()); };
  return node->blocks().empty() && !node->outputs().empty() && std::ranges::any_of(node->inputs(), of_tensors) &&
         std::ranges::none_of(node->outputs(), of_tensors) && std::ranges::none_of(kAsking, is);
}

// Whether every shape depends only on the number and the size of the images.
bool shapes_follow_from_size(Graph& graph) {
  bool follow = true;
  visit_nodes(graph.block(), [&](const Node* node) { follow = follow && !makes_shapes(node); });
  return follow;
}

// Runs the program on one black image of the model's input size and returns what the values are.
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

c10::ScalarType type_of(const c10::IValue& value) {
  return value.isTensor() ? value.toTensor().scalar_type() : c10::ScalarType::Undefined;
}

// Merges a padding with zeros, if there are at least as many on the right and at the bottom as on the other sides.
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

// Whether the step upsamples by two and has a 3x3 convolution that keeps the size, as write_step_up requires.
bool doubles(const Convolution& convolution, const Ints& coarse_shape) {
  const Ints& fine = convolution.input_shape;
  const at::Tensor& weight = convolution.weight;
  const bool skips = convolution.joined != nullptr;
  return coarse_shape.size() == 4 && fine.size() == 4 &&
         (skips ? coarse_shape[1] < fine[1] : coarse_shape[1] == fine[1]) && fine[2] == 2 * coarse_shape[2] &&
         fine[3] == 2 * coarse_shape[3] && weight.dim() == 4 && weight.size(2) == 3 && weight.size(3) == 3 &&
         all(convolution.stride, 1) && all(convolution.padding, 1) && all(convolution.dilation, 1) &&
         convolution.groups == 1;
}

// The steps of a frozen program that can be rewritten.
struct Found {
  std::vector<Convolution> convolutions;             // those outside nested blocks, with the steps merged with each
  std::unordered_set<const Node*> fitting_products;  // multiplications with a result of the left operand's type
};

Found find_steps(const torch::jit::Module& module, const ModelSpec& spec) {
  std::vector<Convolution> found;
  std::vector<Node*> products;
  std::vector<Value*> values;
  for (Node* node : module.get_method("forward").graph()->block()->nodes()) {
    if (node->kind() == c10::aten::mul) products.push_back(node);
    std::optional<Convolution> convolution = read_convolution(node);
    if (!convolution) continue;
    find_upsampling(*convolution);
    find_addition(*convolution);
    Value* input = node->input(0);
    const bool padded = is_padded(node);
    Node* before = step_before(padded ? input->node() : node);
    if (cast_of(before) == c10::kFloat) convolution->widening = before;
    values.insert(values.end(),
                  {input, padded ? input->node()->input(0) : input, padded ? input->node()->input(1) : input,
                   convolution->upsampling != nullptr ? convolution->coarse() : input, node->output(),
                   convolution->addition != nullptr ? convolution->added() : input,
                   convolution->widening != nullptr ? before->input(0) : input});
    found.push_back(std::move(*convolution));
  }
  constexpr std::size_t kOfConvolution = 7;
  const std::size_t of_products = values.size();
  for (Node* product : products) values.insert(values.end(), {product->input(0), product->output()});
  const std::vector<c10::IValue> seen = observe(module, spec, values);
  for (std::size_t i = 0; i < found.size(); ++i) {
    Convolution& each = found[i];
    const c10::IValue* of = seen.data() + kOfConvolution * i;  // in the order above
    each.input_shape = shape_of(of[0]);
    if (of[2].isIntList()) find_padding(each, of[2].toIntVector(), shape_of(of[1]));
    each.coarse_shape = shape_of(of[3]);
    if (!doubles(each, each.coarse_shape)) each.upsampling = nullptr;
    if (shape_of(of[5]) != shape_of(of[4]) || type_of(of[5]) != type_of(of[4])) each.addition = nullptr;
    if (each.widening != nullptr && (each.widening->output() != each.input() || type_of(of[6]) != c10::kBFloat16)) {
      each.widening = nullptr;
    }
  }
  std::erase_if(found, [](const Convolution& each) {
    return each.input_shape.size() != 4 || std::ranges::count(each.input_shape, 0) > 0 || each.weight.numel() == 0;
  });
  std::unordered_set<const Node*> fitting;
  for (std::size_t i = 0; i < products.size(); ++i) {
    const c10::IValue* of = seen.data() + of_products + 2 * i;
    if (shape_of(of[0]) == shape_of(of[1]) && type_of(of[0]) == type_of(of[1])) fitting.insert(products[i]);
  }
  return {std::move(found), std::move(fitting)};
}

bool can_compute(const Convolution& convolution, bool bf16) {
  const c10::ScalarType type = convolution.weight.scalar_type();
  return convolution.weight.dim() == 4 && convolution.stride.size() == 2 && convolution.padding.size() == 2 &&
         convolution.dilation.size() == 2 && (type == c10::kFloat || (type == c10::kBFloat16 && bf16));
}

// Multiplies features by their gates (squeeze and excitation) in place if nothing else uses the features afterwards.
void weigh_in_place(Graph& graph, const std::unordered_set<const Node*>& fitting_products) {
  std::vector<Node*> weighings;
  for (Node* node : graph.block()->nodes()) {
    if (node->kind() != c10::aten::mul || !fitting_products.contains(node) || !is_fused(node->input(0))) continue;
    const c10::Symbol gate = node->input(1)->node()->kind();
    if (gate != c10::aten::sigmoid && gate != c10::aten::hardsigmoid) continue;
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
  if (!shapes_follow_from_size(graph)) return;
  Found found;
  try {
    found = find_steps(module, spec);
  } catch (const std::exception&) {
    return;  // the program fails on a black image; the error will be reported by the first prediction
  }
  take_over_depthwise(graph, found.convolutions);
  const bool bf16 = fused_operators_take_bf16();
  for (const Convolution& convolution : found.convolutions) {
    if (!can_compute(convolution, bf16)) continue;
    if (is_product(convolution)) {
      write_product(graph, convolution);
    } else if (prefers_own_operator(convolution)) {
      write_own(graph, convolution);
    } else if (convolution.upsampling != nullptr) {
      write_step_up(graph, convolution);
    } else {
      write_pointwise(graph, convolution);
    }
    convolution.node->destroy();
  }
  weigh_in_place(graph, found.fitting_products);
  torch::jit::EliminateDeadCode(module.get_method("forward").graph());
}

}  // namespace egaze::detail
