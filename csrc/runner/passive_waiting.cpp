#include "passive_waiting.hpp"

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <initializer_list>
#include <system_error>

namespace egaze::runner {

void wait_passively(char** arguments) {
  for (const char* variable : {"OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME"}) {
    if (std::getenv(variable) != nullptr) return;
  }
  // LLVM's library reads this when the first parallel region begins: it need not be started again.
  if (setenv("OMP_WAIT_POLICY", "PASSIVE", 0) != 0) return;
#if defined(__linux__)
  std::error_code error;
  const std::filesystem::path program = std::filesystem::read_symlink("/proc/self/exe", error);
  // This returns only where the program cannot be found again: then threads spin.
  if (!error) execv(program.c_str(), arguments);
#else
  static_cast<void>(arguments);
#endif
}

}  // namespace egaze::runner
