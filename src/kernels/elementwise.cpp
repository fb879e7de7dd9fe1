#include <cmath>

#include "base/error.h"
#include "kernels/host_op.h"
#include "kernels/kernels.h"
#include "mlx/fast.h"
#include "mlx/ops.h"

namespace ominix::kernels {

namespace mx = mlx::core;

array rms_norm(const array& x, const array& weight, float eps) {
  return mx::fast::rms_norm(as_float(x), as_float(weight), eps);
}

array layer_norm(const array& x, const std::optional<array>& weight,
                 const std::optional<array>& bias, float eps) {
  const auto wide = [](const std::optional<array>& a) {
    return a ? std::optional(as_float(*a)) : std::nullopt;
  };
  return mx::fast::layer_norm(as_float(x), wide(weight), wide(bias), eps);
}

std::pair<array, array> add_rms_norm(const array& x, const array& residual, const array& weight,
                                     float eps) {
  array sum = mx::add(as_float(x), as_float(residual));
  array normed = rms_norm(sum, weight, eps);
  return {std::move(sum), std::move(normed)};
}

array softmax(const array& x) { return mx::softmax(as_float(x), -1, /*precise=*/true); }
array silu(const array& x) {
  const array wide = as_float(x);
  return mx::multiply(wide, mx::sigmoid(wide));
}

array gelu(const array& x) {
  const array wide = as_float(x);
  const array inner = mx::erf(mx::multiply(wide, array(static_cast<float>(M_SQRT1_2))));
  return mx::multiply(mx::multiply(wide, array(0.5f)), mx::add(inner, array(1.0f)));
}

array gelu_tanh(const array& x) {
  const array wide = as_float(x);
  const array cube = mx::multiply(wide, mx::multiply(wide, wide));
  const array inner = mx::multiply(mx::add(wide, mx::multiply(cube, array(0.044715f))),
                                   array(static_cast<float>(std::sqrt(2.0 / M_PI))));
  return mx::multiply(mx::multiply(wide, array(0.5f)), mx::add(mx::tanh(inner), array(1.0f)));
}

array swiglu(const array& gate, const array& up) { return mx::multiply(silu(gate), as_float(up)); }

array rope(const array& x, const array& cos, const array& sin, RopePairs pairs) {
  if (x.ndim() != 3 || cos.ndim() != 2 || cos.shape() != sin.shape() ||
      cos.shape(0) != x.shape(0) || 2 * cos.shape(1) > x.shape(2)) {
    throw fail(ErrorCode::invalid_argument,
               "kernels: rope, expected x (T, H, D) with cos and sin (T, n) and 2n <= D");
  }
  const int tokens = x.shape(0), heads = x.shape(1), dim = x.shape(2), n = cos.shape(1);
  return host_op("rope", {as_float(x), as_float(cos), as_float(sin)}, x.shape(), mx::float32,
                 [=](auto in, auto out) {
                   const auto* x = static_cast<const float*>(in[0]);
                   auto* y = static_cast<float*>(out[0]);
                   const int first = pairs == RopePairs::half ? 1 : 2;
                   const int second = pairs == RopePairs::half ? n : 1;
                   for (int64_t row = 0; row < int64_t{tokens} * heads; row++) {
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
}

array argmax(const array& x) { return mx::astype(mx::argmax(x, -1), mx::int32); }

}  // namespace ominix::kernels
