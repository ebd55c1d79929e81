// The precisions of a program's steps after it was cast to bfloat16 on loading. The expected ones are in a table with
// which the exporter is tested as well (tests/deploy/test_precision_rule.py).
#include "precision.hpp"

#include <gtest/gtest.h>
#include <torch/csrc/jit/runtime/interpreter.h>
#include <torch/script.h>

#include <fstream>
#include <iterator>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "json.hpp"

using namespace egaze;
using namespace egaze::detail;

namespace {

using Steps = std::vector<std::pair<std::string, std::string>>;  // operator, type

const JsonValue& member(const JsonValue& object, std::string_view name) {
  for (const auto& [key, value] : *object.as<JsonObject>()) {
    if (key == name) return value;
  }
  throw std::runtime_error("the table lacks " + std::string(name));
}

torch::jit::Module frozen(const JsonValue& program) {
  torch::manual_seed(0);
  torch::jit::Module module("Model");
  for (const auto& [name, shape] : *member(program, "parameters").as<JsonObject>()) {
    std::vector<std::int64_t> sizes;
    for (const JsonValue& size : *shape.as<JsonArray>()) sizes.push_back(static_cast<std::int64_t>(*size.as<double>()));
    module.register_parameter(name, torch::randn(sizes), false);
  }
  std::string source = "def forward(self, image):\n";
  for (const JsonValue& line : *member(program, "body").as<JsonArray>()) {
    source += "    " + *line.as<std::string>() + "\n";
  }
  module.define(source);
  module.eval();
  return torch::jit::freeze(module);
}

// The operators that return a tensor, except casts and constants, with the types of their results.
Steps computed_in(const torch::jit::Module& module) {
  const std::set<std::string> aside = {"prim::Constant", "prim::ListConstruct", "prim::TupleConstruct", "aten::to"};
  const auto observed = module.get_method("forward").graph()->copy();
  while (!observed->outputs().empty()) observed->eraseOutput(0);
  Steps steps;
  for (torch::jit::Node* node : observed->nodes()) {
    if (aside.contains(node->kind().toQualString())) continue;
    steps.emplace_back(node->kind().toQualString(), "");
    observed->registerOutput(node->output());
  }
  torch::jit::Stack stack = {module._ivalue(), torch::rand({2, 1, 12, 10})};
  torch::jit::InterpreterState(torch::jit::Code(observed, "observed")).run(stack);
  EXPECT_EQ(stack.size(), steps.size());
  for (std::size_t i = 0; i < steps.size(); ++i) {
    const c10::ScalarType type = stack.at(i).toTensor().scalar_type();
    steps[i].second = type == c10::kFloat ? "float32" : type == c10::kBFloat16 ? "bfloat16" : c10::toString(type);
  }
  return steps;
}

}  // namespace

TEST(Precision, FollowsTheTable) {
  std::ifstream file(EGAZE_PRECISION_RULE);
  const JsonValue table = parse_json(std::string(std::istreambuf_iterator<char>(file), {}));
  const JsonObject& programs = *member(table, "programs").as<JsonObject>();
  ASSERT_GE(programs.size(), 5u);
  for (const auto& [name, program] : programs) {
    Steps expected;
    for (const JsonValue& step : *member(program, "computed_in").as<JsonArray>()) {
      const JsonArray& words = *step.as<JsonArray>();
      expected.emplace_back(*words.at(0).as<std::string>(), *words.at(1).as<std::string>());
    }
    torch::jit::Module module = frozen(program);
    set_precision(module, "fp32", Precision::bf16);
    EXPECT_EQ(computed_in(module), expected) << name;
    set_precision(module, "bf16", Precision::fp32);
    for (const auto& [step, type] : computed_in(module)) EXPECT_EQ(type, "float32") << name << ": " << step;
  }
}
