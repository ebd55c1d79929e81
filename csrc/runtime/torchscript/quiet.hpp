// Suppresses libtorch's warnings, which are meant for authors of models and would be printed.
#pragma once

#include <c10/util/Exception.h>

namespace egaze::detail {

// While this object exists, warnings of this thread are dropped.
class QuietWarnings {
 private:
  struct Nowhere final : c10::WarningHandler {
    void process(const c10::Warning&) override {}
  };

  Nowhere nowhere_;
  c10::WarningUtils::WarningHandlerGuard guard_{&nowhere_};
};

}  // namespace egaze::detail
