// Operators of our own, which a rewritten program calls. Each checks all that it is given: what a graph was rewritten
// for may not be what it is run on.
#pragma once

#include <torch/csrc/jit/runtime/operator.h>

namespace egaze::detail {

// An operator that programs can call for as long as it lives: to the end, or until the library is unloaded.
class OwnOperator {
 public:
  OwnOperator(const char* schema, void (*run)(torch::jit::Stack&)) : schema_(schema) {
    torch::jit::registerOperator(
        torch::jit::Operator(schema, torch::jit::Operation(run), c10::AliasAnalysisKind::FROM_SCHEMA));
  }
  ~OwnOperator() { torch::jit::deregisterOperator(torch::jit::parseSchema(schema_)); }
  OwnOperator(const OwnOperator&) = delete;
  OwnOperator& operator=(const OwnOperator&) = delete;

 private:
  const char* schema_;
};

}  // namespace egaze::detail
