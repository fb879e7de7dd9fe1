#pragma once

#include <algorithm>
#include <cstdint>

// The one thread pool of the CPU: OpenMP, shared with oneDNN. A team belongs to the thread that
// calls, so only MLX's CPU stream thread may enter; others send their work there (on_stream).
namespace ominix::kernels {

int threads();
void set_threads(int count);  // at least 1

namespace detail {
using Chunk = void (*)(const void* context, int64_t begin, int64_t end, int thread);
void parallel(int64_t units, int64_t chunk, const void* context, Chunk run);
void as_team(const void* context, void (*task)(const void*));
}  // namespace detail

// Calls f(begin, end, thread) until [0, units) is covered, `chunk` units at a time. f must not
// throw, nor call parallel(). Which thread runs which chunk is open: results must not depend on it.
// Errors: internal, when called from a second thread.
template <class F>
void parallel(int64_t units, int64_t chunk, const F& f) {
  detail::parallel(units, chunk, &f,
                   [](const void* context, int64_t begin, int64_t end, int thread) {
                     (*static_cast<const F*>(context))(begin, end, thread);
                   });
}

// Calls task() with the threads at hand, so that each parallel() in it costs a fraction of entering
// an OpenMP region, and waits for nobody whom the system has stopped. Nothing in it may enter a
// region by itself. Tasks are taken to be alike: one that follows a task with next to no loops runs
// as if there were no team. What task throws is thrown here.
// Errors: internal, when called from a second thread.
template <class F>
void as_team(const F& task) {
  detail::as_team(&task, [](const void* context) { (*static_cast<const F*>(context))(); });
}

// f(first, count) over the values of an elementwise operation.
template <class F>
void by_chunks(int64_t n, const F& f) {
  constexpr int64_t kChunk = 8192;  // values that one thread takes at a time
  parallel((n + kChunk - 1) / kChunk, 1, [&](int64_t begin, int64_t end, int) {
    f(begin * kChunk, std::min(n, end * kChunk) - begin * kChunk);
  });
}

}  // namespace ominix::kernels
