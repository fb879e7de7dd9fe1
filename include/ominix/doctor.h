#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace ominix {

// What this machine can do for inference, measured, and why not more.
struct Doctor {
  std::string version, mlx_version;
  std::string cpu;
  int cores = 0, threads = 0;
  std::vector<std::string> cpu_features;
  std::string instruction_set;  // that the kernels use
  std::string matmul_library;
  double matmul_gflops = 0;   // a float32 product through MLX
  double peak_gflops = 0;     // multiply-adds in registers
  double bandwidth_gbps = 0;  // reading memory
  uint64_t memory_total = 0, memory_available = 0, disk_free = 0;
  std::string gpu;                  // its name, or empty
  std::string gpu_reason;           // why there is none
  std::vector<std::string> advice;  // what would make it faster; empty when all is well
};

// Takes about two seconds. Must not run while an Engine of the process works.
Doctor examine_machine(int threads = 0);

}  // namespace ominix
