// Distributes independent work over the process's one thread pool.
#pragma once

#include <algorithm>
#include <cstddef>
#include <functional>
#include <string>

#include "egaze/error.hpp"

namespace egaze::detail {

// Calls part(0) to part(parts - 1) on the calling thread and on up to `helpers` threads of the pool, and returns when
// all are done. Rethrows the first exception. May be called from several threads at once, and in a forked child.
void run_parts(std::size_t parts, std::size_t helpers, const std::function<void(std::size_t)>& part);

// Calls body(begin, end) on consecutive parts of [0, count), on at most `threads` threads. There are several parts per
// thread, so that a thread that wakes up late takes fewer of them.
template <class Body>
void parallel_for(std::size_t count, int threads, const Body& body) {
  if (threads < 1) {
    throw Error(ErrorCode::invalid_argument, "threads must be at least 1, got " + std::to_string(threads));
  }
  if (threads == 1 || count <= 1) {
    if (count > 0) body(std::size_t{0}, count);
    return;
  }
  constexpr std::size_t kPartsPerThread = 8;
  const std::size_t parts = std::min(static_cast<std::size_t>(threads) * kPartsPerThread, count);
  const std::size_t helpers = std::min(static_cast<std::size_t>(threads), parts) - 1;
  run_parts(parts, helpers, [&](std::size_t part) { body(count * part / parts, count * (part + 1) / parts); });
}

}  // namespace egaze::detail
