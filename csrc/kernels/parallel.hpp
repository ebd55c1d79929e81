// Splits independent work over the threads of one pool for the process.
#pragma once

#include <algorithm>
#include <cstddef>
#include <functional>
#include <string>

#include "egaze/error.hpp"

namespace egaze::detail {

// Calls part(0) to part(parts - 1), one of them here and the others on the pool, and returns when all are done.
// Rethrows the first exception. May be called from several threads at once, and in a child after a fork.
void run_parts(std::size_t parts, const std::function<void(std::size_t)>& part);

// Calls body(begin, end) on consecutive parts of [0, count), at most one a thread.
template <class Body>
void parallel_for(std::size_t count, int threads, const Body& body) {
  if (threads < 1) {
    throw Error(ErrorCode::invalid_argument, "threads must be at least 1, got " + std::to_string(threads));
  }
  const std::size_t parts = std::min<std::size_t>(static_cast<std::size_t>(threads), count);
  if (parts > 1) {
    run_parts(parts, [&](std::size_t part) { body(count * part / parts, count * (part + 1) / parts); });
  } else if (count > 0) {
    body(std::size_t{0}, count);
  }
}

}  // namespace egaze::detail
