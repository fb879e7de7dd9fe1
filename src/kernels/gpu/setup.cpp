#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <string>

#include "base/system.h"
#include "kernels/gpu/gpu.h"
#include "mlx/backend/gpu/device_info.h"
#include "mlx/ops.h"
#include "mlx/version.h"

namespace mx = mlx::core;
namespace fs = std::filesystem;

namespace ominix::kernels::gpu {
namespace {

// A folder that nobody else can write to, made where it is missing; empty where there can be none.
fs::path private_folder(const fs::path& path) {
  std::error_code error;
  fs::create_directories(path.parent_path(), error);
  ::mkdir(path.c_str(), 0700);
  struct stat found{};
  const bool ours = ::lstat(path.c_str(), &found) == 0 && S_ISDIR(found.st_mode) &&
                    found.st_uid == ::geteuid() && (found.st_mode & 077) == 0;
  return ours ? path : fs::path();
}

std::string architecture() {
  std::string name = "gpu";
  for (const auto& [key, value] : mx::gpu::device_info(0)) {
    if (key == "architecture" && std::holds_alternative<std::string>(value)) {
      name = std::get<std::string>(value);
    }
  }
  std::ranges::replace_if(name, [](unsigned char c) { return !std::isalnum(c); }, '_');
  return name;
}

}  // namespace

void prepare() {
  // Float32 means float32: otherwise its products keep 10 bits.
  ::setenv("MLX_ENABLE_TF32", "0", 0);
  // MLX compiles kernels when they are first needed, a minute each, and keeps them here. Their
  // files are named without the architecture, and loaded unseen.
  const fs::path cache = cache_folder();
  if (cache.empty() || std::getenv("MLX_PTX_CACHE_DIR")) return;
  const fs::path folder =
      private_folder(cache / ("kernels-mlx-" + std::string(mx::version()) + "-" + architecture()));
  if (!folder.empty()) ::setenv("MLX_PTX_CACHE_DIR", folder.c_str(), 0);
}

double measure_bandwidth() {
  constexpr int kFloats = 1 << 28;
  array x = mx::ones({kFloats / 1024, 1024});
  x.eval();
  double best = 1e9;
  for (int i = 0; i < 5; i++) {
    const auto begin = std::chrono::steady_clock::now();
    array sum = mx::sum(x, -1);
    sum.eval();
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
    best = std::min(best, took.count());
  }
  return static_cast<double>(kFloats) * sizeof(float) / best * 1e-9;
}

}  // namespace ominix::kernels::gpu
