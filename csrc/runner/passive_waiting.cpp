#include "passive_waiting.hpp"

#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <initializer_list>

namespace egaze::runner {
namespace {

char passive[] = "OMP_WAIT_POLICY=PASSIVE";
constexpr std::initializer_list<const char*> kSaysHowToWait = {"OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME"};

// Sanitizers want to be first themselves.
#if defined(__linux__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
bool says_how_to_wait(const char* entry) {
  for (const char* name : kSaysHowToWait) {
    const std::size_t length = std::strlen(name);
    if (std::strncmp(entry, name, length) == 0 && entry[length] == '=') return true;
  }
  return false;
}

// Runs before the libraries' constructors, libc's among them: it may do no more than look at memory and call the
// system. It returns where the program cannot be started again: then threads spin.
void start_again(int, char** arguments, char** environment) {
  constexpr std::size_t kMostVariables = 4096, kLongestPath = 4096;
  static char* extended[kMostVariables + 2];
  static char program[kLongestPath];
  std::size_t count = 0;
  for (; environment[count] != nullptr; ++count) {
    if (count == kMostVariables || says_how_to_wait(environment[count])) return;
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
  for (const char* name : kSaysHowToWait) {
    if (std::getenv(name) != nullptr) return;
  }
  putenv(passive);
}

}  // namespace egaze::runner
