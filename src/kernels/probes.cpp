#include <algorithm>
#include <chrono>
#include <cstring>
#include <numeric>
#include <vector>

#include <fmt/format.h>

#include "kernels/arena.h"
#include "kernels/device.h"
#include "kernels/gpu/gpu.h"
#include "kernels/host_op.h"
#include "kernels/parallel.h"
#include "mlx/ops.h"
#include "mlx/transforms.h"

namespace ominix::kernels {
namespace {

namespace mx = mlx::core;

template <class F>
double seconds(F&& f) {
  const auto begin = std::chrono::steady_clock::now();
  f();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

template <class F>
double best_of(int runs, F&& f) {
  double best = seconds(f);
  for (int i = 1; i < runs; i++) best = std::min(best, seconds(f));
  return best;
}

// 12 independent chains of multiply-adds: enough to fill two units of latency 4 or 5.
template <class Vector>
inline __attribute__((always_inline)) float chains(int64_t rounds) {
  Vector a[12];
  for (int i = 0; i < 12; i++) a[i] = Vector{} + static_cast<float>(i);
  const Vector m = Vector{} + 0.999f, c = Vector{} + 0.001f;
  for (int64_t r = 0; r < rounds; r++) {
#pragma GCC unroll 12
    for (int i = 0; i < 12; i++) a[i] = a[i] * m + c;
  }
  Vector sum = a[0];
  for (int i = 1; i < 12; i++) sum += a[i];
  return sum[0];
}

constexpr int64_t kRounds = 400'000;

using V4 = float __attribute__((vector_size(16)));
float chains_portable() { return chains<V4>(kRounds); }
#if defined(__x86_64__)
using V8 = float __attribute__((vector_size(32)));
using V16 = float __attribute__((vector_size(64)));
__attribute__((target("avx2,fma"), optimize("fp-contract=fast"))) float chains_avx2() {
  return chains<V8>(kRounds);
}
__attribute__((target("avx512f"), optimize("fp-contract=fast"))) float chains_avx512() {
  return chains<V16>(kRounds);
}
#endif

}  // namespace

double measure_matmul(int n) {
  const mx::Device cpu = mx::Device::cpu;
  const array a = mx::ones({n, n}, mx::float32, cpu), b = mx::ones({n, n}, mx::float32, cpu);
  mx::eval(a, b);
  const double t = best_of(4, [&] {
    array c = mx::matmul(a, b, cpu);
    c.eval();
  });
  return 2.0 * n * n * n / t * 1e-9;
}

double measure_f32_peak() {
  float (*run)() = chains_portable;
  int width = 4;
#if defined(__x86_64__)
  if (best_isa() >= Isa::avx2) run = chains_avx2, width = 8;
  if (best_isa() >= Isa::avx512) run = chains_avx512, width = 16;
#endif
  const int count = threads();
  std::vector<float> sink(count);
  double t = 0;
  on_stream([&] {
    t = best_of(4, [&] {
      parallel(count, 1, [&](int64_t begin, int64_t end, int) {
        for (int64_t i = begin; i < end; i++) sink[i] = run();
      });
    });
  });
  return 2.0 * width * 12 * kRounds * count / t * 1e-9;
}

double measure_bandwidth() {
  if (gpu::in_use()) return gpu::measure_bandwidth();
  constexpr int64_t kBytes = 256 << 20, kChunk = 2 << 20;
  const Arena arena(kBytes);
  std::memset(arena.data(), 1, kBytes);
  std::vector<uint64_t> sums(kBytes / kChunk);
  double t = 0;
  on_stream([&] {
    t = best_of(4, [&] {
      parallel(kBytes / kChunk, 1, [&](int64_t begin, int64_t end, int) {
        for (int64_t i = begin; i < end; i++) {
          const auto* p = reinterpret_cast<const uint64_t*>(arena.data() + i * kChunk);
          sums[i] = std::accumulate(p, p + kChunk / 8, uint64_t{0});
        }
      });
    });
  });
  return kBytes / t * 1e-9;
}

std::optional<std::string> matmul_advice(double gflops, double peak, const std::string& library) {
  if (gflops >= 0.1 * peak) return std::nullopt;
  return fmt::format(
      "float32 products run at {:.1f} GFLOP/s, expected at least a tenth of this machine's {:.0f}; "
      "{} answers them: link OminiX before MLX, and no other BLAS",
      gflops, peak, library);
}

}  // namespace ominix::kernels
