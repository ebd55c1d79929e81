// libtorch's warnings are for who writes models, and would be printed.
#pragma once

#include <c10/util/Exception.h>

namespace egaze::detail {

// Drops what libtorch warns of in this thread, for as long as it lives.
class QuietWarnings {
 private:
  struct Nowhere final : c10::WarningHandler {
    void process(const c10::Warning&) override {}
  };

  Nowhere nowhere_;
  c10::WarningUtils::WarningHandlerGuard guard_{&nowhere_};
};

}  // namespace egaze::detail
