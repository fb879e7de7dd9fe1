#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <random>
#include <vector>

#include "kernels/device.h"
#include "kernels/kernels.h"
#include "mlx/mlx.h"

namespace ominix::kernels {

namespace mx = mlx::core;

inline array random_array(mx::Shape shape, uint64_t seed, float scale = 1.0f) {
  std::mt19937_64 generator(seed);
  std::normal_distribution<float> normal(0.0f, scale);
  size_t size = 1;
  for (const int d : shape) size *= d;
  std::vector<float> values(size);
  for (float& v : values) v = normal(generator);
  return array(values.data(), std::move(shape));
}

inline std::vector<float> values(array a) {
  a = mx::contiguous(mx::astype(a, mx::float32));
  a.eval();
  return {a.data<float>(), a.data<float>() + a.size()};
}

inline bool same_bytes(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

// Largest difference, relative to the largest value.
inline double relative_error(const std::vector<float>& got, const std::vector<float>& want) {
  if (got.size() != want.size()) return INFINITY;
  double diff = 0, top = 1e-30;
  for (size_t i = 0; i < got.size(); i++) {
    if (std::isnan(got[i]) != std::isnan(want[i])) return INFINITY;
    diff = std::max(diff, std::abs(static_cast<double>(got[i]) - want[i]));
    top = std::max(top, std::abs(static_cast<double>(want[i])));
  }
  return diff / top;
}

// What is thrown while a graph runs keeps its text, not its type.
#define EXPECT_EVAL_ERROR(statement, text)                                      \
  try {                                                                         \
    statement;                                                                  \
    ADD_FAILURE() << "no error from " #statement;                               \
  } catch (const std::exception& e) {                                           \
    EXPECT_NE(std::string(e.what()).find(text), std::string::npos) << e.what(); \
  }

// Puts back the instruction set and the number of threads.
struct RestoreDevice {
  ~RestoreDevice() {
    set_isa(best_isa());
    start();
  }
};

template <class F>
void for_each_isa(F&& f) {
  RestoreDevice restore;
  for (const Isa isa : usable_isas()) {
    set_isa(isa);
    SCOPED_TRACE(to_string(isa));
    f();
  }
}

}  // namespace ominix::kernels
