// A user's program: multiplies with MLX and looks at what the loader bound.
#include <dlfcn.h>

#include <iostream>
#include <string>

#include "kernels/kernels.h"
#include "mlx/ops.h"

namespace {

// The file that holds the function that the loader finds first: the one that MLX calls.
std::string owner(const char* function) {
  void* address = dlsym(RTLD_DEFAULT, function);
  Dl_info info{};
  if (address == nullptr || dladdr(address, &info) == 0) return "nothing";
  return info.dli_fname;
}

}  // namespace

int main() {
  Dl_info self{};
  dladdr(reinterpret_cast<void*>(&main), &self);
  for (const char* function : {"cblas_sgemm", "cblas_dgemm", "cblas_cgemm"}) {
    if (std::string found = owner(function); found != self.dli_fname) {
      std::cerr << function << " comes from " << found << ", expected " << self.dli_fname << '\n';
      return 1;
    }
  }

  namespace mx = mlx::core;
  const mx::array product = mx::matmul(mx::ones({8, 16}), mx::ones({16, 8}));
  const float best =
      mx::max(mx::add(product, mx::array(ominix::kernels::silu(mx::zeros({8}))))).item<float>();
  if (best != 16.0f) {
    std::cerr << "a product of ones is " << best << ", expected 16\n";
    return 1;
  }
  std::cout << "matrix products are ours\n";
}
