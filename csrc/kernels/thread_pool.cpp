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

// More threads than this are never started, however many parts are asked for: the parts then wait their turn.
constexpr std::size_t kMaxWorkers = 256;

// The parts of one call.
struct Job {
  const std::function<void(std::size_t)>* part;
  std::size_t unfinished;
  std::exception_ptr error;
};

class ThreadPool {
 public:
  void run(std::size_t parts, const std::function<void(std::size_t)>& part) {
    Job job{&part, parts, nullptr};
    {
      std::lock_guard lock(mutex_);
      for (std::size_t i = 1; i < parts; ++i) waiting_.push_back({&job, i});
      while (workers_ < std::min(parts - 1, kMaxWorkers)) {
        // Detached: they live as long as the process, and after a fork the child simply has none of them.
        std::thread([this] { work(); }).detach();
        ++workers_;
      }
    }
    wake_.notify_all();
    execute(job, 0);
    std::unique_lock lock(mutex_);
    // Help with this call's own parts while the workers are busy elsewhere.
    for (auto task = own(job); task != waiting_.end(); task = own(job)) {
      const std::size_t index = task->index;
      waiting_.erase(task);
      lock.unlock();
      execute(job, index);
      lock.lock();
    }
    done_.wait(lock, [&] { return job.unfinished == 0; });
    if (job.error) std::rethrow_exception(job.error);
  }

 private:
  struct Task {
    Job* job;
    std::size_t index;
  };

  std::deque<Task>::iterator own(const Job& job) {
    return std::find_if(waiting_.begin(), waiting_.end(), [&](const Task& task) { return task.job == &job; });
  }

  void work() {
    std::unique_lock lock(mutex_);
    for (;;) {
      wake_.wait(lock, [this] { return !waiting_.empty(); });
      const Task task = waiting_.front();
      waiting_.pop_front();
      lock.unlock();
      execute(*task.job, task.index);
      lock.lock();
    }
  }

  void execute(Job& job, std::size_t index) {
    std::exception_ptr error;
    try {
      (*job.part)(index);
    } catch (...) {
      error = std::current_exception();
    }
    std::lock_guard lock(mutex_);
    if (error && !job.error) job.error = error;
    // Once the count is 0 the job may be gone; the lock is held until it is told.
    if (--job.unfinished == 0) done_.notify_all();
  }

  std::mutex mutex_;
  std::condition_variable wake_;
  std::condition_variable done_;
  std::deque<Task> waiting_;
  std::size_t workers_ = 0;
};

std::atomic<ThreadPool*> current_pool{nullptr};

ThreadPool& pool() {
  ThreadPool* found = current_pool.load(std::memory_order_acquire);
  if (found == nullptr) {
    // Never destroyed: its threads use it until the process ends.
    auto made = std::make_unique<ThreadPool>();
    if (current_pool.compare_exchange_strong(found, made.get(), std::memory_order_acq_rel)) {
      found = made.release();
      // A forked child has a copy of the pool without its threads, perhaps locked: it starts with a new one.
      static std::once_flag once;
      std::call_once(once, [] { pthread_atfork(nullptr, nullptr, [] { current_pool.store(nullptr); }); });
    }
  }
  return *found;
}

}  // namespace

void run_parts(std::size_t parts, const std::function<void(std::size_t)>& part) { pool().run(parts, part); }

}  // namespace egaze::detail
