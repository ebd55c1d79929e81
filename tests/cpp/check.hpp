// The least that a C++ test needs: CHECK, CHECK_THROWS, and a count of failures for main to return.
#pragma once

#include <cmath>
#include <cstdio>
#include <exception>
#include <string_view>

namespace check {

inline int failures = 0;

inline void that(bool holds, const char* what, const char* file, int line) {
  if (holds) return;
  ++failures;
  std::fprintf(stderr, "%s:%d: failed: %s\n", file, line, what);
}

inline bool close(double a, double b, double tolerance) { return std::abs(a - b) <= tolerance; }

// Whether call() throws an Expected whose what() holds the text, in one line.
template <class Expected, class Call>
bool throws_with(Call&& call, std::string_view text) {
  try {
    call();
  } catch (const Expected& error) {
    const std::string_view message = error.what();
    const bool fits = message.find(text) != std::string_view::npos && message.find('\n') == std::string_view::npos;
    if (!fits) std::fprintf(stderr, "message: %s\n", error.what());
    return fits;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "another exception: %s\n", error.what());
  }
  return false;
}

inline int result() {
  if (failures > 0) std::fprintf(stderr, "%d checks failed\n", failures);
  return failures == 0 ? 0 : 1;
}

}  // namespace check

#define CHECK(...) check::that(static_cast<bool>(__VA_ARGS__), #__VA_ARGS__, __FILE__, __LINE__)
#define CHECK_THROWS(Expected, text, ...) \
  check::that(check::throws_with<Expected>([&] { static_cast<void>(__VA_ARGS__); }, text), \
              #__VA_ARGS__ " throws " #Expected " with " #text, __FILE__, __LINE__)
