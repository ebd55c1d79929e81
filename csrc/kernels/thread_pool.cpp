#include <pthread.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>

#include "parallel.hpp"

namespace egaze::detail {
namespace {

// The pool never starts more threads than this.
constexpr std::size_t kMaxWorkers = 256;
// How often a thread polls before it sleeps: about 20 microseconds. Many calls are shorter than it takes to wake up.
constexpr int kPolls = 2000;

void pause() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#endif
}

// One call of run_parts. It lives on the caller's stack until all helpers have left.
struct Job {
  const std::function<void(std::size_t)>& part;
  const std::size_t parts;
  std::atomic<std::size_t> next{0};
  std::atomic<std::size_t> helpers{0};
  std::mutex error_mutex;
  std::exception_ptr error;

  // Runs parts until none is left.
  void work() {
    for (std::size_t index = next++; index < parts; index = next++) {
      try {
        part(index);
      } catch (...) {
        std::lock_guard lock(error_mutex);
        if (!error) error = std::current_exception();
        next = parts;
      }
    }
  }
};

class ThreadPool {
 public:
  void run(std::size_t parts, std::size_t helpers, const std::function<void(std::size_t)>& part) {
    Job job{part, parts, {}, {}, {}, {}};
    {
      std::lock_guard lock(mutex_);
      waiting_.insert(waiting_.end(), helpers, &job);
      waiting_count_ = waiting_.size();
      while (workers_ < std::min(helpers, kMaxWorkers)) {
        // Threads are detached: they live as long as the process, and a forked child has none of them.
        std::thread([this] { serve(); }).detach();
        ++workers_;
      }
    }
    wake_.notify_all();
    job.work();
    {
      std::lock_guard lock(mutex_);
      std::erase(waiting_, &job);
      waiting_count_ = waiting_.size();
    }
    // No further helper can join; wait for those that have joined.
    for (int poll = 0; poll < kPolls && job.helpers != 0; ++poll) pause();
    {
      std::unique_lock lock(mutex_);
      done_.wait(lock, [&] { return job.helpers == 0; });
    }
    if (job.error) std::rethrow_exception(job.error);
  }

 private:
  // The main loop of a worker, which helps one job after the other.
  void serve() {
    for (;;) {
      for (int poll = 0; poll < kPolls && waiting_count_ == 0; ++poll) pause();
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [this] { return !waiting_.empty(); });
      Job& job = *waiting_.front();
      waiting_.pop_front();
      waiting_count_ = waiting_.size();
      ++job.helpers;
      lock.unlock();
      job.work();
      lock.lock();
      // The job may be destroyed as soon as its last helper has left.
      if (--job.helpers == 0) done_.notify_all();
    }
  }

  std::mutex mutex_;
  std::condition_variable wake_;
  std::condition_variable done_;
  std::deque<Job*> waiting_;  // holds a job once per helper that it wants
  std::atomic<std::size_t> waiting_count_{0};
  std::size_t workers_ = 0;
};

std::atomic<ThreadPool*> current_pool{nullptr};

ThreadPool& pool() {
  ThreadPool* found = current_pool.load();
  if (found == nullptr) {
    // The pool is never destroyed, because its threads use it until the process ends.
    auto made = std::make_unique<ThreadPool>();
    if (current_pool.compare_exchange_strong(found, made.get())) {
      found = made.release();
      // A forked child has a copy of the pool without threads, which may be locked, so it starts a new pool.
      static std::once_flag once;
      std::call_once(once, [] { pthread_atfork(nullptr, nullptr, [] { current_pool.store(nullptr); }); });
    }
  }
  return *found;
}

}  // namespace

void run_parts(std::size_t parts, std::size_t helpers, const std::function<void(std::size_t)>& part) {
  pool().run(parts, helpers, part);
}

}  // namespace egaze::detail
