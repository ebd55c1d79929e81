// Tensors allocated from an arena: their memory is reused, does not overlap, and is freed with the last tensor.
#include "arena.hpp"

#include <ATen/ATen.h>
#include <c10/core/CPUAllocator.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <random>
#include <thread>
#include <vector>

using egaze::detail::Arena;

namespace {

at::Tensor bytes(std::int64_t count) { return at::empty({count}, at::kByte); }

bool is_all(const at::Tensor& tensor, std::uint8_t value) { return tensor.eq(value).all().item<bool>(); }

constexpr std::int64_t kLarge = 1 << 20;

}  // namespace

TEST(Arena, ReusesMemory) {
  const Arena arena;
  const Arena::Use use(&arena);
  const void* first = bytes(kLarge).data_ptr();
  // Blocks that were freed one by one form a large block again.
  {
    const at::Tensor a = bytes(kLarge / 4), b = bytes(kLarge / 2), c = bytes(kLarge / 8);
  }
  EXPECT_EQ(bytes(kLarge).data_ptr(), first);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(bytes(kLarge).data_ptr()) % 64, 0u);
}

TEST(Arena, ServesOnlyTheThreadThatUsesIt) {
  const Arena arena;
  const void* place = nullptr;
  {
    const Arena::Use use(&arena);
    place = bytes(kLarge).data_ptr();
    std::thread([&] { EXPECT_NE(bytes(kLarge).data_ptr(), place); }).join();
    {
      const Arena other;
      const Arena::Use within(&other);
      EXPECT_NE(bytes(kLarge).data_ptr(), place);
      const Arena::Use nothing(nullptr);
      EXPECT_NE(bytes(kLarge).data_ptr(), place);
    }
    EXPECT_EQ(bytes(kLarge).data_ptr(), place);
  }
  EXPECT_NE(bytes(kLarge).data_ptr(), place);
}

TEST(Arena, KeepsTensorsApart) {
  const Arena arena;
  const Arena::Use use(&arena);
  std::mt19937 random(0);
  std::vector<at::Tensor> kept(40);
  for (int turn = 0; turn < 4000; ++turn) {
    const std::size_t which = random() % kept.size();
    if (kept[which].defined()) {
      ASSERT_TRUE(is_all(kept[which], static_cast<std::uint8_t>(which))) << turn;
    }
    // Some are larger than all previous tensors.
    kept[which] = bytes(1 + static_cast<std::int64_t>(random() % (turn % 500 == 499 ? 40u << 20 : 200'000u)));
    kept[which].fill_(static_cast<std::int64_t>(which));
  }
}

TEST(Arena, CanBeDestroyedBeforeItsTensors) {
  at::Tensor tensor;
  {
    const auto arena = std::make_unique<Arena>();
    const Arena::Use use(arena.get());
    tensor = bytes(kLarge).fill_(7);
  }
  EXPECT_TRUE(is_all(tensor, 7));
  std::thread([last = std::move(tensor)] { EXPECT_TRUE(is_all(last, 7)); }).join();
}

TEST(Arena, CanBeUsedByManyThreads) {
  std::vector<std::thread> threads;
  threads.reserve(8);
  for (int number = 0; number < 8; ++number) {
    threads.emplace_back([number] {
      const Arena arena;
      for (int turn = 0; turn < 200; ++turn) {
        const Arena::Use use(&arena);
        const at::Tensor one = bytes(100'000 + number).fill_(number), other = bytes(50'000).fill_(number + 8);
        ASSERT_TRUE(is_all(one, static_cast<std::uint8_t>(number)));
        ASSERT_TRUE(is_all(other, static_cast<std::uint8_t>(number + 8)));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST(Arena, FreesMemoryThatWasAllocatedByPointer) {
  const Arena arena;
  c10::Allocator& allocator = *c10::GetCPUAllocator();
  void* usual = allocator.raw_allocate(kLarge);
  const Arena::Use use(&arena);
  void* own = allocator.raw_allocate(kLarge);
  allocator.raw_deallocate(usual);
  allocator.raw_deallocate(own);
  allocator.raw_deallocate(nullptr);
  EXPECT_EQ(bytes(kLarge).data_ptr(), own);
}
