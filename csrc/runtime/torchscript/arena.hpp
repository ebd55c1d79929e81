// Memory for the intermediate tensors of a model on the CPU.
#pragma once

namespace egaze::detail {

// Reuses the memory of one radiograph's tensors for the next, in large pages. malloc consolidates memory whenever a
// large block is freed, which took a twentieth of the time of a prediction.
//
// The first arena of the process installs an allocator in front of libtorch's, which stays there and forwards all calls
// for which no arena is in use. libtorch replaces its allocator without a lock, so no other thread may use libtorch
// during that time.
class Arena {
 public:
  Arena();
  ~Arena();
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

  // While this object exists, the thread's CPU tensors are allocated from the arena, except for very small ones.
  class Use {
   public:
    explicit Use(const Arena* arena);  // null has no effect
    ~Use();
    Use(const Use&) = delete;
    Use& operator=(const Use&) = delete;

   private:
    const Arena* before_;
  };
};

}  // namespace egaze::detail
