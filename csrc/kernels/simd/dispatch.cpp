#include <atomic>
#include <cstdlib>
#include <string>
#include <vector>

#include "egaze/error.hpp"
#include "egaze/simd.hpp"
#include "primitives.hpp"

namespace egaze {
namespace detail {

namespace baseline {
extern const Primitives kPrimitives;
}
#ifdef EGAZE_X86
namespace avx2 {
extern const Primitives kPrimitives;
}
namespace avx512 {
extern const Primitives kPrimitives;
}
namespace avx512_bf16 {
extern const Primitives kPrimitives;
}
#endif

namespace {

std::atomic<const Primitives*> chosen{nullptr};

// The supported instruction sets, from slowest to fastest.
std::vector<const Primitives*> available() {
  std::vector<const Primitives*> sets = {&baseline::kPrimitives};
#ifdef EGAZE_X86
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
    sets.push_back(&avx2::kPrimitives);
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512vl")) {
      sets.push_back(&avx512::kPrimitives);
      if (__builtin_cpu_supports("avx512bf16")) sets.push_back(&avx512_bf16::kPrimitives);
    }
  }
#endif
  return sets;
}

const Primitives* named(const std::string& level, const std::string& what) {
  std::string names;
  for (const Primitives* set : available()) {
    if (level == set->name) return set;
    names += (names.empty() ? "" : ", ") + std::string(set->name);
  }
  throw Error(ErrorCode::invalid_argument, what + " must be one of " + names + " on this machine, got '" + level + "'");
}

}  // namespace

const Primitives& primitives() {
  const Primitives* set = chosen.load(std::memory_order_acquire);
  if (set == nullptr) {
    const char* level = std::getenv("EGAZE_SIMD");  // NOLINT(concurrency-mt-unsafe): only reads
    set = level != nullptr && *level != '\0' ? named(level, "EGAZE_SIMD") : available().back();
    chosen.store(set, std::memory_order_release);
  }
  return *set;
}

}  // namespace detail

std::vector<std::string> simd_levels() {
  std::vector<std::string> names;
  for (const detail::Primitives* set : detail::available()) names.emplace_back(set->name);
  return names;
}

std::string simd_level() { return detail::primitives().name; }

void set_simd_level(const std::string& level) {
  detail::chosen.store(detail::named(level, "the SIMD level"), std::memory_order_release);
}

}  // namespace egaze
