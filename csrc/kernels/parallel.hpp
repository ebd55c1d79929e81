// Splits independent work over threads.
#pragma once

#include <algorithm>
#include <cstddef>
#include <exception>
#include <string>
#include <thread>
#include <vector>

#include "egaze/error.hpp"

namespace egaze::detail {

// Calls body(begin, end) on consecutive parts of [0, count), one part a thread, and rethrows the first exception.
template <class Body>
void parallel_for(std::size_t count, int threads, Body&& body) {
  if (threads < 1) {
    throw Error(ErrorCode::invalid_argument, "threads must be at least 1, got " + std::to_string(threads));
  }
  const std::size_t parts = std::min<std::size_t>(static_cast<std::size_t>(threads), count);
  if (parts <= 1) {
    if (count > 0) body(std::size_t{0}, count);
    return;
  }
  std::vector<std::exception_ptr> errors(parts);
  const auto run_part = [&](std::size_t part) {
    try {
      body(count * part / parts, count * (part + 1) / parts);
    } catch (...) {
      errors[part] = std::current_exception();
    }
  };
  {
    std::vector<std::jthread> workers;
    workers.reserve(parts - 1);
    for (std::size_t part = 1; part < parts; ++part) workers.emplace_back(run_part, part);
    run_part(0);
  }
  for (const auto& error : errors) {
    if (error) std::rethrow_exception(error);
  }
}

}  // namespace egaze::detail
