#include <algorithm>
#include <vector>

#include "base/error.h"
#include "kernels/cpu/table.h"
#include "kernels/gpu/gpu.h"
#include "kernels/host_op.h"
#include "kernels/kernels.h"
#include "kernels/parallel.h"
#include "mlx/ops.h"

namespace ominix::kernels {

namespace mx = mlx::core;

namespace {

// Values that one thread takes at a time.
constexpr int64_t kChunk = 8192;

void check_width(const array& x, const array& parameter, const char* what) {
  if (x.ndim() < 1 || parameter.ndim() != 1 || parameter.shape(0) != x.shape(-1)) {
    throw fail(ErrorCode::invalid_argument,
               "kernels: {}, expected a parameter of {} values, found {}", what,
               x.ndim() ? x.shape(-1) : 0, parameter.size());
  }
}

// f(table, inputs, first value of the row, width) for each row of x.
template <class F>
array by_row(const char* name, std::vector<array> inputs, F f) {
  const mx::Shape shape = inputs[0].shape();
  const int64_t width = shape.empty() ? 1 : shape.back();
  const int64_t rows = width ? static_cast<int64_t>(inputs[0].size()) / width : 0;
  return host_op(name, std::move(inputs), shape, mx::float32, [=](auto in, auto out) {
    const Table& t = table();
    parallel(rows, std::max<int64_t>(1, kChunk / width), [&](int64_t begin, int64_t end, int) {
      for (int64_t r = begin; r < end; r++) {
        f(t, static_cast<const float*>(in[0]) + r * width, in, width,
          static_cast<float*>(out[0]) + r * width);
      }
    });
  });
}

using Map = void (*Table::*)(const float*, int64_t, float*);
array map(const char* name, const array& x, Map f) {
  const int64_t n = x.size();
  return host_op(name, {as_float(x)}, x.shape(), mx::float32, [=](auto in, auto out) {
    by_chunks(n, [&, &t = table()](int64_t at, int64_t count) {
      (t.*f)(static_cast<const float*>(in[0]) + at, count, static_cast<float*>(out[0]) + at);
    });
  });
}

}  // namespace

array rms_norm(const array& x, const array& weight, float eps) {
  check_width(x, weight, "rms_norm");
  if (gpu::in_use()) return gpu::rms_norm(x, weight, eps);
  return by_row("rms_norm", {as_float(x), as_float(weight)},
                [eps](const Table& t, const float* x, auto in, int64_t width, float* y) {
                  t.rms_norm(x, static_cast<const float*>(in[1]), width, eps, y);
                });
}

array layer_norm(const array& x, const std::optional<array>& weight,
                 const std::optional<array>& bias, float eps) {
  std::vector<array> inputs{as_float(x)};
  for (const auto& parameter : {weight, bias}) {
    if (!parameter) continue;
    check_width(x, *parameter, "layer_norm");
    inputs.push_back(as_float(*parameter));
  }
  if (gpu::in_use()) return gpu::layer_norm(x, weight, bias, eps);
  const int w = weight ? 1 : 0, b = bias ? w + 1 : 0;
  return by_row("layer_norm", std::move(inputs),
                [=](const Table& t, const float* x, auto in, int64_t width, float* y) {
                  t.layer_norm(x, w ? static_cast<const float*>(in[w]) : nullptr,
                               b ? static_cast<const float*>(in[b]) : nullptr, width, eps, y);
                });
}

std::pair<array, array> add_rms_norm(const array& x, const array& residual, const array& weight,
                                     float eps) {
  check_width(x, weight, "add_rms_norm");
  if (x.shape() != residual.shape()) {
    throw fail(ErrorCode::invalid_argument,
               "kernels: add_rms_norm, expected two arrays of one shape");
  }
  if (gpu::in_use()) {
    const array sum = mx::add(as_float(x), as_float(residual));
    return {sum, gpu::rms_norm(sum, weight, eps)};
  }
  const int64_t width = x.shape(-1), rows = width ? static_cast<int64_t>(x.size()) / width : 0;
  auto both = host_op(
      "add_rms_norm", {as_float(x), as_float(residual), as_float(weight)}, {x.shape(), x.shape()},
      {mx::float32, mx::float32}, [=](auto in, auto out) {
        const Table& t = table();
        const auto at = [&](const void* p, int64_t r) {
          return static_cast<const float*>(p) + r * width;
        };
        parallel(rows, std::max<int64_t>(1, kChunk / width), [&](int64_t begin, int64_t end, int) {
          for (int64_t r = begin; r < end; r++) {
            float* sum = static_cast<float*>(out[0]) + r * width;
            t.add(at(in[0], r), at(in[1], r), width, sum);
            t.rms_norm(sum, at(in[2], 0), width, eps, static_cast<float*>(out[1]) + r * width);
          }
        });
      });
  return {both[0], both[1]};
}

array softmax(const array& x) {
  if (gpu::in_use()) return gpu::softmax(x);
  return by_row("softmax", {as_float(x)},
                [](const Table& t, const float* x, auto, int64_t width, float* y) {
                  t.softmax(x, width, y);
                });
}

array silu(const array& x) { return gpu::in_use() ? gpu::silu(x) : map("silu", x, &Table::silu); }
array gelu(const array& x) { return gpu::in_use() ? gpu::gelu(x) : map("gelu", x, &Table::gelu); }
array gelu_tanh(const array& x) {
  return gpu::in_use() ? gpu::gelu_tanh(x) : map("gelu_tanh", x, &Table::gelu_tanh);
}

array swiglu(const array& gate, const array& up) {
  if (gate.shape() != up.shape()) {
    throw fail(ErrorCode::invalid_argument, "kernels: swiglu, expected gate and up of one shape");
  }
  if (gpu::in_use()) return mx::multiply(gpu::silu(gate), as_float(up));
  const int64_t n = gate.size();
  return host_op(
      "swiglu", {as_float(gate), as_float(up)}, gate.shape(), mx::float32, [n](auto in, auto out) {
        by_chunks(n, [&, &t = table()](int64_t at, int64_t count) {
          t.swiglu(static_cast<const float*>(in[0]) + at, static_cast<const float*>(in[1]) + at,
                   count, static_cast<float*>(out[0]) + at);
        });
      });
}

array argmax(const array& x) {
  if (x.ndim() < 1 || x.shape(-1) < 1) {
    throw fail(ErrorCode::invalid_argument, "kernels: argmax of no values");
  }
  if (gpu::in_use()) return gpu::argmax(x);
  mx::Shape shape = x.shape();
  const int64_t width = shape.back(), rows = static_cast<int64_t>(x.size()) / width;
  shape.pop_back();
  return host_op("argmax", {as_float(x)}, std::move(shape), mx::int32, [=](auto in, auto out) {
    const Table& t = table();
    parallel(rows, std::max<int64_t>(1, kChunk / width), [&](int64_t begin, int64_t end, int) {
      for (int64_t r = begin; r < end; r++) {
        static_cast<int32_t*>(out[0])[r] =
            t.argmax(static_cast<const float*>(in[0]) + r * width, width);
      }
    });
  });
}

array rope(const array& x, const array& cos, const array& sin, RopePairs pairs) {
  if (x.ndim() != 3 || cos.ndim() != 2 || cos.shape() != sin.shape() ||
      cos.shape(0) != x.shape(0) || 2 * cos.shape(1) > x.shape(2)) {
    throw fail(ErrorCode::invalid_argument,
               "kernels: rope, expected x (T, H, D) with cos and sin (T, n) and 2n <= D");
  }
  if (gpu::in_use()) return gpu::rope(x, cos, sin, pairs);
  const int tokens = x.shape(0), heads = x.shape(1), dim = x.shape(2), n = cos.shape(1);
  return host_op("rope", {as_float(x), as_float(cos), as_float(sin)}, x.shape(), mx::float32,
                 [=](auto in, auto out) {
                   const auto* x = static_cast<const float*>(in[0]);
                   auto* y = static_cast<float*>(out[0]);
                   const int first = pairs == RopePairs::half ? 1 : 2;
                   const int second = pairs == RopePairs::half ? n : 1;
                   parallel(int64_t{tokens} * heads, std::max<int64_t>(1, kChunk / dim),
                            [&](int64_t begin, int64_t end, int) {
                              for (int64_t row = begin; row < end; row++) {
                                const auto* c = static_cast<const float*>(in[1]) + row / heads * n;
                                const auto* s = static_cast<const float*>(in[2]) + row / heads * n;
                                const float* from = x + row * dim;
                                float* to = y + row * dim;
                                for (int i = 0; i < n; i++) {
                                  const float a = from[i * first], b = from[i * first + second];
                                  to[i * first] = a * c[i] - b * s[i];
                                  to[i * first + second] = b * c[i] + a * s[i];
                                }
                                for (int i = 2 * n; i < dim; i++) to[i] = from[i];
                              }
                            });
                 });
}

}  // namespace ominix::kernels
