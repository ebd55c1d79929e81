#include "arena.hpp"

#include <c10/core/Allocator.h>
#include <c10/core/CPUAllocator.h>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <iterator>
#include <map>
#include <mutex>
#include <new>
#include <vector>

#ifdef __linux__
#include <sys/mman.h>
#endif

namespace egaze::detail {
namespace {

constexpr std::size_t kLeast = std::size_t{1} << 10, kAlignment = 64;
constexpr std::size_t kLargePage = std::size_t{2} << 20, kSlab = std::size_t{32} << 20;

std::size_t rounded_up(std::size_t size, std::size_t to) { return (size + to - 1) / to * to; }

// A region of large pages, divided into free and used blocks, whose sizes are stored by offset.
struct Slab {
  const Arena* owner;  // null if the arena has been destroyed while a block was in use
  std::byte* begin;
  std::size_t size;
  std::map<std::size_t, std::size_t> free, taken;

  bool holds(const std::byte* block) const { return block >= begin && block < begin + size; }

  void* take(std::size_t wanted) {
    auto best = free.end();
    for (auto block = free.begin(); block != free.end(); ++block) {
      if (block->second >= wanted && (best == free.end() || block->second < best->second)) best = block;
    }
    if (best == free.end()) return nullptr;
    const auto [offset, found] = *best;
    free.erase(best);
    if (found > wanted) free.emplace(offset + wanted, found - wanted);
    taken.emplace(offset, wanted);
    return begin + offset;
  }

  void give_back(const std::byte* block) {
    const auto of = taken.find(static_cast<std::size_t>(block - begin));
    auto [freed, added] = free.insert(*of);
    taken.erase(of);
    if (const auto next = std::next(freed); next != free.end() && freed->first + freed->second == next->first) {
      freed->second += next->second;
      free.erase(next);
    }
    if (freed == free.begin()) return;
    if (const auto before = std::prev(freed); before->first + before->second == freed->first) {
      before->second += freed->second;
      free.erase(freed);
    }
  }
};

// The slabs of all arenas, because another thread may free a block. Never destroyed, because tensors may outlive it.
struct Slabs {
  std::mutex mutex;
  std::vector<Slab> all;

  void* take(const Arena* owner, std::size_t size) {
    const std::size_t wanted = rounded_up(size, kAlignment);
    const std::lock_guard lock(mutex);
    for (Slab& slab : all) {
      if (slab.owner != owner) continue;
      if (void* block = slab.take(wanted)) return block;
    }
    const std::size_t length = std::max(kSlab, rounded_up(wanted, kLargePage));
    auto* begin = static_cast<std::byte*>(::operator new(length, std::align_val_t(kLargePage)));
#ifdef __linux__
    madvise(begin, length, MADV_HUGEPAGE);  // without large pages, this does nothing
#endif
    all.push_back({owner, begin, length, {{0, length}}, {}});
    return all.back().take(wanted);
  }

  // Frees a block if it belongs to a slab; otherwise returns false.
  bool give_back(void* block) {
    const auto* place = static_cast<const std::byte*>(block);
    const std::lock_guard lock(mutex);
    const auto slab = std::ranges::find_if(all, [place](const Slab& each) { return each.holds(place); });
    if (slab == all.end()) return false;
    slab->give_back(place);
    if (slab->owner == nullptr) remove_unused(nullptr);
    return true;
  }

  void let_go(const Arena* owner) {
    const std::lock_guard lock(mutex);
    for (Slab& slab : all) {
      if (slab.owner == owner) slab.owner = nullptr;
    }
    remove_unused(nullptr);
  }

  void remove_unused(const Arena* owner) {
    std::erase_if(all, [owner](const Slab& slab) {
      if (slab.owner != owner || !slab.taken.empty()) return false;
      ::operator delete(slab.begin, std::align_val_t(kLargePage));
      return true;
    });
  }
};

Slabs& slabs() {
  static auto* const every = new Slabs;
  return *every;
}

thread_local const Arena* in_use = nullptr;

// Calls libtorch's allocator, except for tensors of threads that use an arena.
class Allocator final : public c10::Allocator {
 public:
  explicit Allocator(c10::Allocator* usual) : usual_(usual) {}

  c10::DataPtr allocate(std::size_t size) override {
    if (in_use == nullptr || size < kLeast) return usual_->allocate(size);
    void* block = slabs().take(in_use, size);
    return {block, block, &release, c10::Device(c10::kCPU)};
  }

  // libtorch also allocates by raw pointers, for example for oneDNN's weights, and frees these while any arena is used.
  c10::DeleterFnPtr raw_deleter() const override { return &release; }

  void copy_data(void* to, const void* from, std::size_t count) const override { std::memcpy(to, from, count); }

 private:
  static void release(void* block);

  c10::Allocator* usual_;
};

// Removed when the program ends or the shared library is unloaded.
class Installation {
 public:
  Installation() { c10::SetCPUAllocator(&allocator); }
  ~Installation() {
    if (c10::GetCPUAllocator() == &allocator) c10::SetCPUAllocator(usual);
  }

  c10::Allocator* const usual = c10::GetCPUAllocator();
  Allocator allocator{usual};
};

const Installation& installation() {
  static const Installation only;
  return only;
}

void Allocator::release(void* block) {
  if (block != nullptr && !slabs().give_back(block)) installation().usual->raw_deallocate(block);
}

}  // namespace

Arena::Arena() { installation(); }

Arena::~Arena() { slabs().let_go(this); }

Arena::Use::Use(const Arena* arena) : before_(in_use) {
  if (arena != nullptr) in_use = arena;
}

Arena::Use::~Use() { in_use = before_; }

}  // namespace egaze::detail
