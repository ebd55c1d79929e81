// How large a model file's program may be, before anything of it runs.
#pragma once

#include <cstdint>

namespace egaze {

// Every encoder that `egaze info --encoders` lists stays below the defaults by half or more.
struct ModelLimits {
  std::int64_t nodes = 20'000;                         // operators of the program
  std::int64_t nesting = 64;                           // calls within calls of its text
  std::int64_t bytes_at_work = std::int64_t{4} << 30;  // the most that the tensors of one image take at once
  std::int64_t multiplications = 8'000'000'000'000;    // for one image
};

}  // namespace egaze
