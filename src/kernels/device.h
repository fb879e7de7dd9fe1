#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace ominix::kernels {

struct StartOptions {
  int threads = 0;                  // 0: OMINIX_THREADS, else one a core
  uint64_t cache_limit = 1u << 30;  // freed buffers that MLX keeps for reuse
  bool gpu = true;                  // compute on the GPU where there is one
};

// Prepares MLX and the thread pool. The calling thread becomes the engine thread: from then on it
// makes every MLX call. Once a process, before the first operation; again on the same thread it
// changes the number of threads. Errors: internal (another thread, another MLX than the pinned
// one), invalid_argument (OMINIX_THREADS or OMINIX_ISA is not what it can be; the first call chose
// another device).
void start(const StartOptions& options = {});

// Errors: internal, unless the caller is the engine thread or start() was never called.
void check_engine_thread();

// Instruction sets that kernels exist for, lowest first.
enum class Isa : uint8_t { portable, avx2, avx512, avx512_vnni };
const char* to_string(Isa isa);
Isa best_isa();         // that this machine has
Isa isa();              // in use: the best, or what OMINIX_ISA or set_isa() asks for
void set_isa(Isa isa);  // for tests; errors: unsupported on this machine
std::vector<Isa> usable_isas();

struct CpuInfo {
  std::string model;
  std::vector<std::string> features;  // "avx2", "fma", … as the system names them
  int cores = 0;
};
CpuInfo cpu_info();

struct GpuInfo {
  bool available = false;
  std::string name;
  uint64_t memory = 0;
  std::string reason;  // why there is none
};
GpuInfo gpu_info();
bool on_gpu();  // whether start() chose it

std::string mlx_version();
std::string matmul_library();  // who answers MLX's float32 matrix products

// Short measurements, a fraction of a second each. They must run on the engine thread.
double measure_matmul(int n = 768);  // GFLOP/s of an n³ float32 product through MLX
double measure_f32_peak();           // GFLOP/s of multiply-adds in registers, all threads
double measure_bandwidth();          // GB/s of reading memory on huge pages, all threads

// What to tell the user of products at `gflops` where `peak` is possible: nothing from a tenth of
// it on; below that, a library other than ours answers. start() logs it as a warning.
std::optional<std::string> matmul_advice(double gflops, double peak, const std::string& library);

}  // namespace ominix::kernels
