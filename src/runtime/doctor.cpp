#include <fmt/format.h>
#include <ominix/doctor.h>
#include <ominix/engine.h>

#include "base/system.h"
#include "kernels/device.h"
#include "kernels/parallel.h"
#include "runtime/engine_impl.h"

namespace ominix {

Doctor examine_machine(int threads) {
  Doctor d;
  d.version = OMINIX_VERSION;
  const kernels::CpuInfo cpu = kernels::cpu_info();
  d.cpu = cpu.model;
  d.cores = cpu.cores;
  d.cpu_features = cpu.features;
  d.memory_total = total_memory();
  d.memory_available = available_memory();
  d.disk_free = free_disk(".");

  Engine engine({.device = Device::cpu, .threads = threads});
  engine.impl().call([&] {
    d.mlx_version = kernels::mlx_version();
    d.threads = kernels::threads();
    d.instruction_set = kernels::to_string(kernels::isa());
    d.matmul_library = kernels::matmul_library();
    d.matmul_gflops = kernels::measure_matmul();
    d.peak_gflops = kernels::measure_f32_peak();
    d.bandwidth_gbps = kernels::measure_bandwidth();
    const kernels::GpuInfo gpu = kernels::gpu_info();
    d.gpu = gpu.available ? gpu.name : "";
    d.gpu_reason = gpu.reason;
  });
  if (const auto slow = kernels::matmul_advice(d.matmul_gflops, d.peak_gflops, d.matmul_library)) {
    d.advice.push_back(*slow);
  }
  if (d.instruction_set == std::string("portable")) {
    d.advice.push_back(
        "this CPU has no AVX2: quantized models run several times slower than they could");
  }
  if (d.threads < d.cores) {
    d.advice.push_back(fmt::format("{} of {} cores are used; --threads or OMINIX_THREADS sets more",
                                   d.threads, d.cores));
  }
  return d;
}

}  // namespace ominix
