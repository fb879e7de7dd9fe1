#include "kernels/device.h"

#include <dlfcn.h>
#include <omp.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <charconv>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string_view>
#include <thread>

#include <oneapi/dnnl/dnnl.hpp>
#include "base/error.h"
#include "base/log.h"
#include "kernels/gpu/gpu.h"
#include "kernels/host_op.h"
#include "kernels/parallel.h"
#include "mlx/backend/gpu/device_info.h"
#include "mlx/compile.h"
#include "mlx/device.h"
#include "mlx/memory.h"
#include "mlx/version.h"

namespace ominix::kernels {
namespace {

namespace mx = mlx::core;

std::atomic<std::thread::id> g_engine{};
std::atomic<int> g_isa{-1};

int wanted_threads(int asked) {
  if (asked > 0) return asked;
  const char* text = std::getenv("OMINIX_THREADS");
  if (!text) return std::max(1, omp_get_num_procs());
  int count = 0;
  const std::string_view s(text);
  const auto [end, error] = std::from_chars(s.data(), s.data() + s.size(), count);
  if (error != std::errc{} || end != s.data() + s.size() || count < 1 || count > 1024) {
    throw fail(ErrorCode::invalid_argument,
               "kernels: OMINIX_THREADS, expected a number from 1 to 1024, found '{}'", s);
  }
  return count;
}

// MLX loads compiled code from its temporary folder unseen, so nobody else may write there.
void make_private_tmpdir() {
  std::string name = (std::filesystem::temp_directory_path() / "ominix-XXXXXX").string();
  if (!::mkdtemp(name.data())) {
    throw fail(ErrorCode::io, "kernels: no private folder in '{}'; set TMPDIR to one that exists",
               std::filesystem::temp_directory_path().string());
  }
  static const std::string made = name;
  std::atexit([] {
    std::error_code ignored;
    std::filesystem::remove_all(made, ignored);
  });
  ::setenv("TMPDIR", made.c_str(), 1);
}

std::optional<Isa> parse_isa(std::string_view name) {
  for (Isa candidate : {Isa::portable, Isa::avx2, Isa::avx512, Isa::avx512_vnni}) {
    if (name == to_string(candidate)) return candidate;
  }
  return std::nullopt;
}

Isa initial_isa() {
  const char* text = std::getenv("OMINIX_ISA");
  if (!text || !*text) return best_isa();
  const auto wanted = parse_isa(text);
  if (!wanted || *wanted > best_isa()) {
    throw fail(ErrorCode::invalid_argument,
               "kernels: OMINIX_ISA, expected portable, avx2, avx512 or avx512_vnni and no more "
               "than this machine's {}, found '{}'",
               to_string(best_isa()), text);
  }
  return *wanted;
}

void limit_dnnl(Isa isa) {
  if (isa == best_isa()) return;
  // Refused once a primitive has run; then its products stay on the wider instructions.
  dnnl::set_max_cpu_isa(isa == Isa::portable ? dnnl::cpu_isa::sse41
                        : isa == Isa::avx2   ? dnnl::cpu_isa::avx2
                                             : dnnl::cpu_isa::avx512_core);
}

void use_threads(int count) {
  set_threads(count);
  on_stream([count] { omp_set_num_threads(count); });
}

// A few milliseconds, against minutes with MLX's own products. On one thread, because the slow
// library has no more, and because threads that wait for each other look slow on a busy machine.
void check_matmul() {
  use_threads(1);
  const auto advice = matmul_advice(measure_matmul(256), measure_f32_peak(), matmul_library());
  if (advice) log::warning("kernels: {}", *advice);
}

}  // namespace

void start(const StartOptions& options) {
  const std::thread::id self = std::this_thread::get_id();
  std::thread::id none{};
  const bool first = g_engine.compare_exchange_strong(none, self);
  if (!first) check_engine_thread();
  const int count = wanted_threads(options.threads);
  const bool on_gpu = options.gpu && mx::gpu::is_available();
  if (!first && on_gpu != gpu::in_use()) {
    throw fail(ErrorCode::invalid_argument,
               "kernels: this process computes on the {} and stays there; start another one",
               gpu::in_use() ? "GPU" : "CPU");
  }
  if (first) {
    if (mlx_version() != OMINIX_MLX_VERSION) {
      throw fail(ErrorCode::internal, "kernels: MLX, expected version {}, found {}",
                 OMINIX_MLX_VERSION, mlx_version());
    }
    ::setenv("MLX_ENABLE_CACHE_THRASHING_CHECK", "0", 0);
    make_private_tmpdir();
    gpu::use(on_gpu);
    if (on_gpu) gpu::prepare();
    if (!on_gpu) {
      mx::set_default_device(mx::Device::cpu);
      mx::disable_compile();
    }
    mx::set_cache_limit(options.cache_limit);
    limit_dnnl(isa());
  }
  if (first && !on_gpu) check_matmul();
  use_threads(count);
}

void check_engine_thread() {
  const std::thread::id engine = g_engine.load(std::memory_order_relaxed);
  if (engine != std::thread::id{} && engine != std::this_thread::get_id()) {
    throw fail(ErrorCode::internal,
               "kernels: an MLX call from a second thread, expected all from the engine thread");
  }
}

const char* to_string(Isa isa) {
  switch (isa) {
    case Isa::portable:
      return "portable";
    case Isa::avx2:
      return "avx2";
    case Isa::avx512:
      return "avx512";
    case Isa::avx512_vnni:
      return "avx512_vnni";
  }
  return "";
}

Isa best_isa() {
#if defined(__x86_64__)
  static const Isa best = [] {
    __builtin_cpu_init();
    if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma") ||
        !__builtin_cpu_supports("f16c")) {
      return Isa::portable;
    }
    if (!__builtin_cpu_supports("avx512f") || !__builtin_cpu_supports("avx512bw") ||
        !__builtin_cpu_supports("avx512vl") || !__builtin_cpu_supports("avx512dq")) {
      return Isa::avx2;
    }
    return __builtin_cpu_supports("avx512vnni") ? Isa::avx512_vnni : Isa::avx512;
  }();
  return best;
#else
  return Isa::portable;
#endif
}

Isa isa() {
  int current = g_isa.load(std::memory_order_relaxed);
  if (current < 0) {
    current = static_cast<int>(initial_isa());
    g_isa.store(current, std::memory_order_relaxed);
  }
  return static_cast<Isa>(current);
}

void set_isa(Isa isa) {
  if (isa > best_isa()) {
    throw fail(ErrorCode::unsupported, "kernels: instruction set {}, this machine has {}",
               to_string(isa), to_string(best_isa()));
  }
  g_isa.store(static_cast<int>(isa), std::memory_order_relaxed);
}

std::vector<Isa> usable_isas() {
  std::vector<Isa> out;
  for (Isa candidate : {Isa::portable, Isa::avx2, Isa::avx512, Isa::avx512_vnni}) {
    if (candidate <= best_isa()) out.push_back(candidate);
  }
  return out;
}

CpuInfo cpu_info() {
  CpuInfo info;
  info.cores = std::max(1, omp_get_num_procs());
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    const size_t colon = line.find(':');
    if (colon == std::string::npos) continue;
    const std::string value = colon + 2 <= line.size() ? line.substr(colon + 2) : "";
    if (info.model.empty() && line.starts_with("model name")) info.model = value;
    if (info.features.empty() && line.starts_with("flags")) {
      for (size_t at = 0; at < value.size();) {
        const size_t end = std::min(value.find(' ', at), value.size());
        const std::string flag = value.substr(at, end - at);
        for (std::string_view known : {"sse4_2", "avx", "avx2", "fma", "f16c"}) {
          if (flag == known) info.features.push_back(flag);
        }
        if (flag.starts_with("avx512") || flag.starts_with("amx") || flag == "avx_vnni") {
          info.features.push_back(flag);
        }
        at = end + 1;
      }
    }
  }
  return info;
}

GpuInfo gpu_info() {
  GpuInfo info;
  if (mx::gpu::is_available()) {
    info.available = true;
    for (const auto& [key, value] : mx::gpu::device_info(0)) {
      if (key == "device_name") info.name = std::get<std::string>(value);
      if (key == "total_memory" || key == "memory_size") info.memory = std::get<size_t>(value);
    }
    return info;
  }
#if defined(__APPLE__)
  info.reason = "this MLX was built without Metal";
#else
  const bool driver = ::access("/dev/nvidiactl", F_OK) == 0;
  info.reason = driver ? "an NVIDIA driver is loaded, but this build has no CUDA; configure with "
                         "-DOMINIX_CUDA=ON"
                       : "no NVIDIA driver is loaded";
#endif
  return info;
}

bool on_gpu() { return gpu::in_use(); }

std::string mlx_version() { return mx::version(); }

std::string matmul_library() {
  const void* symbol = ::dlsym(RTLD_DEFAULT, "cblas_sgemm");
  Dl_info where{};
  if (symbol && ::dladdr(symbol, &where) && where.dli_fname) {
    Dl_info here{};
    ::dladdr(reinterpret_cast<const void*>(&matmul_library), &here);
    if (here.dli_fbase == where.dli_fbase) {
      const dnnl_version_t* v = dnnl::version();
      return fmt::format("oneDNN {}.{}.{}", v->major, v->minor, v->patch);
    }
    return std::filesystem::path(where.dli_fname).filename().string();
  }
  return "unknown";
}

}  // namespace ominix::kernels
