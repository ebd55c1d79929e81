#include "model_program.hpp"

#include <caffe2/serialize/in_memory_adapter.h>
#include <c10/core/InferenceMode.h>
#include <torch/csrc/jit/ir/ir.h>
#include <torch/csrc/jit/runtime/graph_executor.h>

#include <memory>

#include "cpu_fusion.hpp"
#include "egaze/error.hpp"
#include "one_line.hpp"
#include "operators.hpp"

namespace egaze::detail {
namespace {

using torch::jit::Graph;
using torch::jit::Node;
using torch::jit::Value;

template <class Visit>
void visit_nodes(torch::jit::Block* block, const Visit& visit) {
  for (Node* node : block->nodes()) {
    visit(node);
    for (torch::jit::Block* inner : node->blocks()) visit_nodes(inner, visit);
  }
}

// The text was checked; this is what TorchScript made of it.
void check_graphs(const std::string& path, const torch::jit::Module& module) {
  const auto fail = [&](const std::string& what) {
    throw Error(ErrorCode::model_operator, path + ": its program " + what + ", which no exported model does");
  };
  if (module.get_methods().size() != 1 || module._ivalue()->type()->numAttributes() != 0) {
    fail("has methods or attributes beside forward");
  }
  visit_nodes(module.get_method("forward").graph()->block(), [&](const Node* node) {
    if (!is_allowed_operator(node->kind().toQualString())) {
      fail("does '" + std::string(node->kind().toQualString()) + "'");
    }
  });
}

// aten::to(value, dtype, ...) before `before`.
Value* insert_cast(Graph& graph, Value* value, c10::ScalarType type, Node* before) {
  const torch::jit::WithInsertPoint at(before);
  return graph.insert(c10::aten::to, {value, static_cast<std::int64_t>(type), false, false});
}

// What the film becomes first: the exporter's cast of it, or else one of our own.
void cast_image(Graph& graph, c10::ScalarType to) {
  Value* image = graph.inputs().at(1);
  bool found = false;
  visit_nodes(graph.block(), [&](Node* node) {
    if (node->kind() != c10::aten::to || node->inputs().at(0) != image) return;
    const torch::jit::WithInsertPoint at(node);
    node->replaceInput(1, graph.insertConstant(static_cast<std::int64_t>(to)));
    found = true;
  });
  if (found) return;
  Value* cast = insert_cast(graph, image, to, *graph.block()->nodes().begin());
  image->replaceAllUsesAfterNodeWith(cast->node(), cast);
}

// The graph in another precision: its tensors, what the film becomes first and the answers last.
void cast_graph(Graph& graph, c10::ScalarType from, c10::ScalarType to) {
  visit_nodes(graph.block(), [&](Node* node) {
    if (node->kind() != c10::prim::Constant || !node->hasAttribute(c10::attr::value)) return;
    if (node->kindOf(c10::attr::value) != torch::jit::AttributeKind::t) return;
    const at::Tensor value = node->t(c10::attr::value);
    if (value.scalar_type() != from) return;
    node->t_(c10::attr::value, value.to(to));
    node->output()->inferTypeFrom(node->t(c10::attr::value));
  });
  cast_image(graph, to);
  Node* answers = graph.outputs().at(0)->node();
  for (std::size_t i = 0; i < answers->inputs().size(); ++i) {
    answers->replaceInput(i, insert_cast(graph, answers->inputs()[i], c10::kFloat, answers));
  }
}

void set_precision(torch::jit::Module& module, const std::string& exported, Precision wanted) {
  const bool is_bf16 = exported == "bf16";
  if (wanted == Precision::exported || (wanted == Precision::bf16) == is_bf16) return;
  Graph& graph = *module.get_method("forward").graph();
  if (is_bf16) {
    cast_graph(graph, c10::kBFloat16, c10::kFloat);
  } else {
    cast_graph(graph, c10::kFloat, c10::kBFloat16);
  }
}

}  // namespace

torch::jit::Module load_program(const std::string& path, const ModelArchive& archive, c10::Device device,
                                Precision precision) {
  try {
    // Freezing needs plain tensors and inlined graphs, whatever modes the caller is in.
    const c10::InferenceMode no_inference(false);
    const torch::jit::GraphOptimizerEnabledGuard inlining(true);
    const auto bytes = std::make_shared<caffe2::serialize::MemoryReadAdapter>(
        archive.bytes.data(), static_cast<off_t>(archive.bytes.size()));
    torch::jit::Module module = torch::jit::load(bytes, device, /*load_debug_files=*/false);
    check_graphs(path, module);
    module.eval();
    torch::jit::Module frozen = torch::jit::freeze(module);
    set_precision(frozen, archive.spec.precision, precision);
    if (device.is_cpu()) fuse_for_cpu(frozen, archive.spec);
    return frozen;
  } catch (const Error&) {
    throw;
  } catch (const std::exception& error) {
    throw Error(ErrorCode::model_failed, path + ": cannot be loaded: " + one_line(error));
  }
}

}  // namespace egaze::detail
