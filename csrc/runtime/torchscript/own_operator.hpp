// Egaze's own operators, which rewritten programs call. Each checks all of its arguments, because a program may run on
// other inputs than those that it was rewritten for.
#pragma once

#include <torch/csrc/jit/runtime/operator.h>

namespace egaze::detail {

// An operator that programs can call while this object exists: until the process ends or the library is unloaded.
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
