#include <fmt/format.h>
#include <fmt/ranges.h>
#include <ominix/doctor.h>

#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/terminal.h"

namespace ominix::cli {
namespace {

double gigabytes(uint64_t bytes) { return static_cast<double>(bytes) / (1u << 30); }

int run(Arguments& args) {
  const Doctor d = examine_machine(engine_options(args).threads);
  if (args.has("json")) {
    print_json({{"version", d.version},
                {"mlx_version", d.mlx_version},
                {"cpu", d.cpu},
                {"cores", d.cores},
                {"threads", d.threads},
                {"cpu_features", d.cpu_features},
                {"instruction_set", d.instruction_set},
                {"matmul_library", d.matmul_library},
                {"matmul_gflops", d.matmul_gflops},
                {"peak_gflops", d.peak_gflops},
                {"bandwidth_gbps", d.bandwidth_gbps},
                {"memory_total_bytes", d.memory_total},
                {"memory_available_bytes", d.memory_available},
                {"disk_free_bytes", d.disk_free},
                {"gpu", d.gpu.empty() ? Json() : Json(d.gpu)},
                {"gpu_reason", d.gpu_reason},
                {"advice", d.advice}});
    return 0;
  }
  print(fmt::format("OminiX         {}\n", d.version));
  print(fmt::format("MLX            {}\n", d.mlx_version));
  print(fmt::format("CPU            {}, {} cores, {} threads used\n", d.cpu, d.cores, d.threads));
  print(fmt::format("features       {}\n", fmt::join(d.cpu_features, " ")));
  print(fmt::format("kernels        {}\n", d.instruction_set));
  print(fmt::format("matmul         {}: {:.0f} GFLOP/s, {:.0f} % of the peak of {:.0f}\n",
                    d.matmul_library, d.matmul_gflops, 100 * d.matmul_gflops / d.peak_gflops,
                    d.peak_gflops));
  print(fmt::format("memory         {:.1f} GB/s; {:.1f} of {:.1f} GB free\n", d.bandwidth_gbps,
                    gigabytes(d.memory_available), gigabytes(d.memory_total)));
  print(fmt::format("disk           {:.1f} GB free here\n", gigabytes(d.disk_free)));
  print(fmt::format("GPU            {}\n", d.gpu.empty() ? "none: " + d.gpu_reason : d.gpu));
  for (const std::string& line : d.advice) print(fmt::format("advice         {}\n", line));
  if (d.advice.empty()) print("All is as fast as this machine allows.\n");
  return 0;
}

}  // namespace

Command doctor_command() {
  return {.name = "doctor",
          .usage = "",
          .summary = "what this machine can do, measured, and why not more",
          .examples = "  ominix doctor --json\n",
          .options = {},
          .min_positional = 0,
          .max_positional = 0,
          .run = run};
}

}  // namespace ominix::cli
