#include <cmath>

#include "kernels/gpu/gpu.h"
#include "kernels/host_op.h"
#include "mlx/fast.h"
#include "mlx/ops.h"

namespace mx = mlx::core;

namespace ominix::kernels::gpu {
namespace {

// The type that a product with these weights computes in.
mx::Dtype type_of(const Weights& w) {
  if (!w.packed()) return w.values.dtype();
  return mx::issubdtype(w.scales->dtype(), mx::floating) ? w.scales->dtype() : mx::bfloat16;
}

}  // namespace

std::vector<array> linear_parts(const array& x, const Weights& w, const std::optional<array>& bias,
                                std::span<const int64_t> ends) {
  const mx::Shape outer = x.shape();
  // One matrix of rows: MLX reads packed weights once for each further axis.
  const array rows = mx::astype(mx::reshape(x, {-1, outer.back()}), type_of(w));
  array y = w.packed() ? mx::quantized_matmul(rows, w.values, *w.scales, w.biases, true,
                                              w.group_size, w.bits, w.mode)
                       : mx::matmul(rows, mx::transpose(w.values));
  y = as_float(y);
  if (bias) y = mx::add(y, as_float(*bias));
  mx::Shape shape = outer;
  shape.back() = y.shape(-1);
  y = mx::reshape(y, shape);
  if (ends.size() == 1) return {y};
  return mx::split(y, mx::Shape(ends.begin(), ends.end() - 1), -1);
}

array embedding(const array& ids, const Weights& w) {
  Weights rows = w;
  for (array* part : {&rows.values, rows.scales ? &*rows.scales : nullptr,
                      rows.biases ? &*rows.biases : nullptr}) {
    if (part) *part = mx::take(*part, ids, 0);
  }
  return dequantize(rows);
}

array rms_norm(const array& x, const array& weight, float eps) {
  return mx::fast::rms_norm(as_float(x), as_float(weight), eps);
}

array layer_norm(const array& x, const std::optional<array>& weight,
                 const std::optional<array>& bias, float eps) {
  const auto wide = [](const std::optional<array>& a) {
    return a ? std::optional<array>(as_float(*a)) : std::nullopt;
  };
  return mx::fast::layer_norm(as_float(x), wide(weight), wide(bias), eps);
}

array softmax(const array& x) { return mx::softmax(as_float(x), -1, true); }

array silu(const array& x) {
  const array wide = as_float(x);
  return mx::multiply(wide, mx::sigmoid(wide));
}

array gelu(const array& x) {
  const array wide = as_float(x);
  return wide * (mx::erf(wide * array(std::sqrt(0.5f))) + array(1.0f)) * array(0.5f);
}

array gelu_tanh(const array& x) {
  const array wide = as_float(x);
  const array inner = array(0.7978845608f) * (wide + array(0.044715f) * wide * wide * wide);
  return array(0.5f) * wide * (array(1.0f) + mx::tanh(inner));
}

array argmax(const array& x) { return mx::astype(mx::argmax(x, -1), mx::int32); }

array rope(const array& x, const array& cos, const array& sin, RopePairs pairs) {
  const array wide = as_float(x);
  const int tokens = x.shape(0), heads = x.shape(1), dim = x.shape(2), n = cos.shape(1);
  const array c = mx::reshape(cos, {tokens, 1, n}), s = mx::reshape(sin, {tokens, 1, n});
  const int step = pairs == RopePairs::half ? 1 : 2;
  const int second = pairs == RopePairs::half ? n : 1;
  const auto part = [&](int first) {
    return mx::slice(wide, {0, 0, first}, {tokens, heads, first + n * step - (step - 1)},
                     {1, 1, step});
  };
  const array a = part(0), b = part(second);
  const array left = a * c - b * s, right = b * c + a * s;
  std::vector<array> parts;
  if (pairs == RopePairs::half) {
    parts = {left, right};
  } else {
    parts = {mx::reshape(mx::stack({left, right}, -1), {tokens, heads, 2 * n})};
  }
  if (2 * n < dim) parts.push_back(mx::slice(wide, {0, 0, 2 * n}, {tokens, heads, dim}));
  return mx::concatenate(parts, -1);
}

}  // namespace ominix::kernels::gpu
