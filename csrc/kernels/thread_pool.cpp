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

// More threads than this are never started, however many are asked for.
constexpr std::size_t kMaxWorkers = 256;
// How often a thread looks before it sleeps. Waking up takes longer than many a call; this is some 20 microseconds.
constexpr int kLooks = 2000;

void pause() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#endif
}

// One call of run_parts. It lives on the caller's stack, until no helper is left.
struct Job {
  const std::function<void(std::size_t)>& part;
  const std::size_t parts;
  std::atomic<std::size_t> next{0};
  std::atomic<std::size_t> helpers{0};
  std::mutex error_mutex;
  std::exception_ptr error;

  // Takes parts until there are none.
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
        // Detached: they live as long as the process, and after a fork the child simply has none of them.
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
    // No helper can join any more; those who have must leave.
    for (int look = 0; look < kLooks && job.helpers != 0; ++look) pause();
    {
      std::unique_lock lock(mutex_);
      done_.wait(lock, [&] { return job.helpers == 0; });
    }
    if (job.error) std::rethrow_exception(job.error);
  }

 private:
  // A worker's life: help one job after the other.
  void serve() {
    for (;;) {
      for (int look = 0; look < kLooks && waiting_count_ == 0; ++look) pause();
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [this] { return !waiting_.empty(); });
      Job& job = *waiting_.front();
      waiting_.pop_front();
      waiting_count_ = waiting_.size();
      ++job.helpers;
      lock.unlock();
      job.work();
      lock.lock();
      // The job may be gone as soon as its last helper has left.
      if (--job.helpers == 0) done_.notify_all();
    }
  }

  std::mutex mutex_;
  std::condition_variable wake_;
  std::condition_variable done_;
  std::deque<Job*> waiting_;  // a job stands here once for each helper it would like
  std::atomic<std::size_t> waiting_count_{0};
  std::size_t workers_ = 0;
};

std::atomic<ThreadPool*> current_pool{nullptr};

ThreadPool& pool() {
  ThreadPool* found = current_pool.load();
  if (found == nullptr) {
    // Never destroyed: its threads use it until the process ends.
    auto made = std::make_unique<ThreadPool>();
    if (current_pool.compare_exchange_strong(found, made.get())) {
      found = made.release();
      // A forked child has a copy of the pool without its threads, perhaps locked: it starts with a new one.
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
