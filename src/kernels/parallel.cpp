#include "kernels/parallel.h"

#include <omp.h>
#include <sched.h>

#include <atomic>
#include <exception>
#include <thread>

#include "base/error.h"

namespace ominix::kernels {
namespace {

std::atomic<int> g_threads{0};
std::atomic<std::thread::id> g_owner{};

void check_owner() {
  const std::thread::id self = std::this_thread::get_id();
  std::thread::id owner = g_owner.load(std::memory_order_relaxed);
  if (owner == self) return;
  if (owner == std::thread::id{} && g_owner.compare_exchange_strong(owner, self)) return;
  throw fail(ErrorCode::internal,
             "kernels: a second thread entered the thread pool, expected only the stream thread of "
             "the engine; every MLX call must come from one thread");
}

// Waits in place, and after a while lets others have the core.
class Patience {
 public:
  void wait() {
    if (++turns_ < kLong) {
#if defined(__x86_64__)
      __builtin_ia32_pause();
#endif
    } else {
      ::sched_yield();
    }
  }

 private:
  // About a millisecond: who gives up the core is late for the end of the step.
  static constexpr int kLong = 30'000;
  int turns_ = 0;
};

// A team of threads that stays together over many loops. A loop is a number, that of its chunks
// counted through: whoever comes takes the next one, and the loop is over when all taken chunks are
// done. So a thread that the system has stopped meanwhile is not waited for, unlike at the end of
// an OpenMP region.
class Team {
 public:
  void run(int64_t units, int64_t chunk, const void* context, detail::Chunk f) {
    units_.store(units, std::memory_order_relaxed);
    chunk_.store(chunk, std::memory_order_relaxed);
    context_.store(context, std::memory_order_relaxed);
    f_.store(f, std::memory_order_relaxed);
    done_.store(0, std::memory_order_relaxed);
    const int64_t chunks = (units + chunk - 1) / chunk;
    loop_++;
    next_.store(loop_ * kOne, std::memory_order_release);
    take_all(0);
    Patience patience;
    while (done_.load(std::memory_order_acquire) != chunks) patience.wait();
    // From here on no chunk can be taken by someone who still looks at this loop.
    next_.store(loop_ * kOne + kClosed, std::memory_order_release);
  }

  void work(int thread) {
    Patience patience;
    for (uint64_t seen = 0;;) {
      const uint64_t next = next_.load(std::memory_order_acquire);
      if (next == kStop) return;
      if (next / kOne == seen) {
        patience.wait();
        continue;
      }
      seen = next / kOne;
      take_all(thread);
      patience = {};
    }
  }

  void stop() { next_.store(kStop, std::memory_order_release); }

 private:
  static constexpr uint64_t kOne = uint64_t{1} << 32, kClosed = kOne - 1, kStop = ~uint64_t{0};

  // Chunks of the loop that is going on, until none is left. What is read of a loop counts only if
  // the loop is still the same when the chunk is taken.
  void take_all(int thread) {
    uint64_t next = next_.load(std::memory_order_acquire);
    while (next % kOne != kClosed) {
      const int64_t units = units_.load(std::memory_order_relaxed);
      const int64_t chunk = chunk_.load(std::memory_order_relaxed);
      const void* context = context_.load(std::memory_order_relaxed);
      const detail::Chunk f = f_.load(std::memory_order_relaxed);
      const int64_t begin = static_cast<int64_t>(next % kOne) * chunk;
      if (begin >= units) return;
      if (!next_.compare_exchange_weak(next, next + 1, std::memory_order_acq_rel)) continue;
      f(context, begin, std::min(begin + chunk, units), thread);
      done_.fetch_add(1, std::memory_order_release);
      next = next_.load(std::memory_order_acquire);
    }
  }

  std::atomic<uint64_t> next_{kClosed};  // the loop's number and its next chunk
  alignas(64) std::atomic<int64_t> done_{0};
  uint64_t loop_ = 0;
  std::atomic<int64_t> units_{0}, chunk_{1};
  std::atomic<const void*> context_{nullptr};
  std::atomic<detail::Chunk> f_{nullptr};
};

thread_local Team* t_team = nullptr;
thread_local int t_loops = 0;      // since the last as_team() began
thread_local bool t_busy = false;  // the last as_team() had loops enough

void with_team(const void* context, void (*task)(const void*)) {
  check_owner();
  Team team;
  std::exception_ptr error;
#pragma omp parallel num_threads(threads())
  {
    const int thread = omp_get_thread_num();
    if (thread > 0) {
      team.work(thread);
    } else {
      t_team = &team;
      try {
        task(context);
      } catch (...) {
        error = std::current_exception();
      }
      t_team = nullptr;
      team.stop();
    }
  }
  if (error) std::rethrow_exception(error);
}

}  // namespace

int threads() {
  const int count = g_threads.load(std::memory_order_relaxed);
  return count > 0 ? count : std::max(1, omp_get_num_procs());
}

void set_threads(int count) { g_threads.store(std::max(1, count), std::memory_order_relaxed); }

void detail::parallel(int64_t units, int64_t chunk, const void* context, Chunk run) {
  if (units <= 0) return;
  chunk = std::max<int64_t>(1, chunk);
  if (threads() == 1 || units <= chunk) return run(context, 0, units, 0);
  t_loops++;
  const auto loop = [&] { t_team->run(units, chunk, context, run); };
  if (t_team) return loop();
  with_team(&loop, [](const void* context) { (*static_cast<const decltype(loop)*>(context))(); });
}

void detail::as_team(const void* context, void (*task)(const void*)) {
  constexpr int kEnough = 4;
  if (t_team || threads() == 1) return task(context);
  t_loops = 0;
  if (t_busy) {
    with_team(context, task);
  } else {
    task(context);
  }
  t_busy = t_loops >= kEnough;
}

}  // namespace ominix::kernels
