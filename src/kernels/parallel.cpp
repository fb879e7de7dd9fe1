#include "kernels/parallel.h"

#include <omp.h>

#include <algorithm>
#include <atomic>
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

}  // namespace

int threads() {
  const int count = g_threads.load(std::memory_order_relaxed);
  return count > 0 ? count : std::max(1, omp_get_num_procs());
}

void set_threads(int count) { g_threads.store(std::max(1, count), std::memory_order_relaxed); }

void detail::parallel(int64_t units, int64_t chunk, const void* context, Chunk run) {
  if (units <= 0) return;
  chunk = std::max<int64_t>(1, chunk);
  const int64_t chunks = (units + chunk - 1) / chunk;
  const int team = static_cast<int>(std::min<int64_t>(threads(), chunks));
  if (team == 1) return run(context, 0, units, 0);
  check_owner();
  std::atomic<int64_t> next{0};
#pragma omp parallel num_threads(team)
  {
    const int thread = omp_get_thread_num();
    for (;;) {
      const int64_t begin = next.fetch_add(1, std::memory_order_relaxed) * chunk;
      if (begin >= units) break;
      run(context, begin, std::min(begin + chunk, units), thread);
    }
  }
}

}  // namespace ominix::kernels
