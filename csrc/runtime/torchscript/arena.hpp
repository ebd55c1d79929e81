// Memory for what a model computes on the way to its answers on the CPU.
#pragma once

namespace egaze::detail {

// Keeps the blocks of one radiograph for the next, in large pages: malloc tidies up each time that it gets a large
// block back, which took a twentieth of an answer's time.
//
// The first arena of the process puts an allocator before libtorch's, which stays there and passes on what no arena is
// in use for. libtorch does not guard its own record of the allocator, so no other thread may use libtorch meanwhile.
class Arena {
 public:
  Arena();
  ~Arena();
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

  // While it lives, this thread's CPU tensors come from the arena, but for the smallest; all others from where they
  // did.
  class Use {
   public:
    explicit Use(const Arena* arena);  // none: nothing changes
    ~Use();
    Use(const Use&) = delete;
    Use& operator=(const Use&) = delete;

   private:
    const Arena* before_;
  };
};

}  // namespace egaze::detail
