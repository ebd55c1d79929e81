#include "passive_waiting.hpp"

#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <initializer_list>

namespace egaze::runner {
namespace {

char passive[] = "OMP_WAIT_POLICY=PASSIVE";
constexpr std::initializer_list<const char*> kWaitVariables = {"OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME"};

// Sanitizers must be initialized before anything else runs.
#if defined(__linux__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
bool sets_waiting(const char* entry) {
  for (const char* name : kWaitVariables) {
    const std::size_t length = std::strlen(name);
    if (std::strncmp(entry, name, length) == 0 && entry[length] == '=') return true;
  }
  return false;
}

// Runs before the constructors of all libraries, including libc, so it may only use memory and system calls. If the
// program cannot be executed again, this returns and threads spin.
void start_again(int, char** arguments, char** environment) {
  constexpr std::size_t kMostVariables = 4096, kLongestPath = 4096;
  static char* extended[kMostVariables + 2];
  static char program[kLongestPath];
  std::size_t count = 0;
  for (; environment[count] != nullptr; ++count) {
    if (count == kMostVariables || sets_waiting(environment[count])) return;
    extended[count] = environment[count];
  }
  extended[count] = passive;
  const ssize_t length = readlink("/proc/self/exe", program, kLongestPath - 1);
  if (length > 0) execve(program, arguments, extended);
}

[[gnu::section(".preinit_array"), gnu::used]] void (*const before_all_else)(int, char**, char**) = start_again;
#endif

}  // namespace

void wait_passively() {
  for (const char* name : kWaitVariables) {
    if (std::getenv(name) != nullptr) return;  // NOLINT(concurrency-mt-unsafe): main has started no thread yet
  }
  putenv(passive);  // NOLINT(concurrency-mt-unsafe): as above
}

}  // namespace egaze::runner
