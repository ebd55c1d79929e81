#include "model_program.hpp"

#include <caffe2/serialize/in_memory_adapter.h>
#include <c10/core/InferenceMode.h>
#include <torch/csrc/jit/ir/alias_analysis.h>
#include <torch/csrc/jit/ir/constants.h>
#include <torch/csrc/jit/ir/ir.h>
#include <torch/csrc/jit/runtime/graph_executor.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "cpu_fusion.hpp"
#include "egaze/error.hpp"
#include "torch_error.hpp"
#include "operator_rules.hpp"
#include "precision.hpp"

namespace egaze::detail {
namespace {

using torch::jit::Node;

// Whether a step has random results: dropout in training mode, or attention with dropout.
bool is_random(const Node* node) {
  const bool dropout = node->kind() == c10::aten::dropout;
  if (!dropout && node->kind() != c10::aten::scaled_dot_product_attention) return false;
  const auto chance = torch::jit::toIValue(node->input(dropout ? 2 : 4));
  return !chance || !(chance->isBool() ? !chance->toBool() : chance->isDouble() && chance->toDouble() == 0.0);
}

// csrc/archive has written the program's text. This checks the graph that TorchScript made of it.
void check_graphs(const std::string& path, const torch::jit::Module& module) {
  const auto fail = [&](const std::string& what) {
    throw Error(ErrorCode::model_operator, path + ": its program " + what + ", which no exported model does");
  };
  if (module.get_methods().size() != 1 || module._ivalue()->type()->numAttributes() != 0) {
    fail("has methods or attributes beside forward");
  }
  const std::vector<std::string> allowed = allowed_operators();
  const std::shared_ptr<torch::jit::Graph> graph = module.get_method("forward").graph();
  visit_nodes(graph->block(), [&](const Node* node) {
    if (!std::ranges::binary_search(allowed, node->kind().toQualString())) {
      fail("does '" + std::string(node->kind().toQualString()) + "'");
    }
    if (is_random(node)) fail("has random results");
  });
  // A constant that changes would carry one radiograph's content into the next radiograph's prediction.
  const torch::jit::AliasDb aliases(graph);
  visit_nodes(graph->block(), [&](const Node* node) {
    if (node->kind() == c10::prim::Constant && aliases.hasWriters(node->output())) fail("changes a constant");
  });
}

}  // namespace

torch::jit::Module load_program(const std::string& path, const ModelArchive& archive, c10::Device device,
                                Precision precision) {
  try {
    // Freezing needs ordinary tensors and inlined graphs, whichever modes the caller has set.
    const c10::InferenceMode no_inference(false);
    const torch::jit::GraphOptimizerEnabledGuard inlining(true);
    const auto bytes = std::make_shared<caffe2::serialize::MemoryReadAdapter>(archive.bytes.data(),
                                                                              static_cast<off_t>(archive.bytes.size()));
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
