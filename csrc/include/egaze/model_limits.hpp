// Limits on the program of a model file, which are checked before any of it runs.
#pragma once

#include <array>
#include <cstdint>

namespace egaze {

struct ModelLimits {
  std::int64_t nodes = 20'000;                         // operators; one that returns k tensors counts as k
  std::int64_t nesting = 64;                           // nested calls in the program's text
  std::int64_t bytes_at_work = std::int64_t{4} << 30;  // memory that one image needs at the same time, for tensors and
                                                       // for operators while they compute, not counting the weights
  std::int64_t multiplications = 8'000'000'000'000;    // for one image; each element of a result counts as at least one
};

// The name of a limit in options and messages. A limit can be set to any value from 1 to `largest`.
struct ModelLimit {
  const char* name;
  std::int64_t ModelLimits::* value;
  std::int64_t largest;
};

inline constexpr std::array<ModelLimit, 4> kModelLimits = {{
    {"nodes", &ModelLimits::nodes, 1'000'000},
    {"nesting", &ModelLimits::nesting, 256},  // the parser calls itself for each nested call
    {"bytes_at_work", &ModelLimits::bytes_at_work, std::int64_t{1} << 50},
    {"multiplications", &ModelLimits::multiplications, 1'000'000'000'000'000'000},
}};

}  // namespace egaze
