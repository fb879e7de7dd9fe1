#include <vector>

#include "base/error.h"
#include "kernels/host_op.h"
#include "kernels/kernels.h"
#include "kernels/matrix_data.h"
#include "kernels/parallel.h"

namespace ominix::kernels {
namespace {

namespace mx = mlx::core;

thread_local Arithmetic t_arithmetic = Arithmetic::fast;

// Eight running sums, so that the compiler may use vectors; always the same order.
float dot(const float* a, const float* b, int64_t n) {
  float sum[8] = {};
  int64_t i = 0;
  for (; i + 8 <= n; i += 8) {
    for (int j = 0; j < 8; j++) sum[j] += a[i + j] * b[i + j];
  }
  for (; i < n; i++) sum[i % 8] += a[i] * b[i];
  return ((sum[0] + sum[4]) + (sum[2] + sum[6])) + ((sum[1] + sum[5]) + (sum[3] + sum[7]));
}

}  // namespace

ArithmeticScope::ArithmeticScope(Arithmetic arithmetic) : before_(t_arithmetic) {
  t_arithmetic = arithmetic;
}
ArithmeticScope::~ArithmeticScope() { t_arithmetic = before_; }
Arithmetic current_arithmetic() { return t_arithmetic; }

array linear(const array& x, const Matrix& weight, const std::optional<array>& bias) {
  const int64_t rows = weight.rows(), cols = weight.cols();
  if (x.ndim() < 1 || x.shape(-1) != cols) {
    throw fail(ErrorCode::invalid_argument, "kernels: linear, expected {} inputs, found {}", cols,
               x.ndim() ? x.shape(-1) : 0);
  }
  if (bias && (bias->ndim() != 1 || bias->shape(0) != rows)) {
    throw fail(ErrorCode::invalid_argument,
               "kernels: linear, expected a bias of {} values, found {}", rows, bias->size());
  }
  mx::Shape shape = x.shape();
  shape.back() = static_cast<int>(rows);
  std::vector<array> inputs{as_float(x)};
  if (bias) inputs.push_back(as_float(*bias));
  const int64_t count = x.size() / cols;
  return host_op("linear", std::move(inputs), std::move(shape), mx::float32,
                 [weight, count, rows, cols](auto in, auto out) {
                   const auto* x = static_cast<const float*>(in[0]);
                   const auto* bias = in.size() > 1 ? static_cast<const float*>(in[1]) : nullptr;
                   auto* y = static_cast<float*>(out[0]);
                   parallel(rows, 16, [&](int64_t begin, int64_t end, int) {
                     std::vector<float> w(cols);
                     for (int64_t r = begin; r < end; r++) {
                       weight.data().row_values(r, w.data());
                       for (int64_t m = 0; m < count; m++) {
                         y[m * rows + r] =
                             dot(x + m * cols, w.data(), cols) + (bias ? bias[r] : 0.0f);
                       }
                     }
                   });
                 });
}

array embedding(const array& ids, const Matrix& weight) {
  if (ids.ndim() != 1 || ids.dtype() != mx::int32) {
    throw fail(ErrorCode::invalid_argument, "kernels: embedding, expected ids (T) in int32");
  }
  const int64_t cols = weight.cols(), rows = weight.rows();
  const int count = ids.shape(0);
  return host_op("embedding", {ids}, {count, static_cast<int>(cols)}, mx::float32,
                 [weight, count, rows, cols](auto in, auto out) {
                   const auto* id = static_cast<const int32_t*>(in[0]);
                   for (int i = 0; i < count; i++) {
                     if (id[i] < 0 || id[i] >= rows) {
                       throw fail(ErrorCode::invalid_argument,
                                  "kernels: token id {}, expected 0 to {}", id[i], rows - 1);
                     }
                     weight.data().row_values(id[i], static_cast<float*>(out[0]) + i * cols);
                   }
                 });
}

}  // namespace ominix::kernels
