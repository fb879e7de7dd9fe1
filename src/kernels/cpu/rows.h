#pragma once

#include "kernels/cpu/simd.h"

// Norms, activations and softmax over rows. Sums run in the same order for every row of a length.
namespace ominix::kernels::OMINIX_ISA {

OMINIX_INLINE Vf load_part(const float* p, int64_t n, float fill) {
  float padded[16];
  for (int i = 0; i < 16; i++) padded[i] = fill;
  memcpy(padded, p, n * sizeof(float));
  return load(padded);
}
OMINIX_INLINE void store_part(float* p, Vf v, int64_t n) {
  float padded[16];
  store(padded, v);
  memcpy(p, padded, n * sizeof(float));
}

// f(at, vector of x, how many count) over a row.
template <class F>
OMINIX_INLINE void each(const float* x, int64_t n, float fill, F f) {
  int64_t i = 0;
  for (; i + 16 <= n; i += 16) f(i, load(x + i), int64_t{16});
  if (i < n) f(i, load_part(x + i, n - i, fill), n - i);
}
OMINIX_INLINE void put(float* y, Vf v, int64_t n) {
  if (n == 16) {
    store(y, v);
  } else {
    store_part(y, v, n);
  }
}

// e^x: Cephes' polynomial, 2 ulp. 0 below -86, and what is not a number stays so.
OMINIX_INLINE Vf exp(Vf x) {
  const Vf low = splat(-86.0f);
  const Vf c = min(max(x, low), splat(89.5f));
  const Vi n = round_to_int(c * splat(1.44269504088896341f));
  const Vf nf = to_float(n);
  const Vf f = fma(nf, splat(2.12194440e-4f), fma(nf, splat(-0.693359375f), c));
  Vf p = splat(1.9875691500e-4f);
  p = fma(p, f, splat(1.3981999507e-3f));
  p = fma(p, f, splat(8.3334519073e-3f));
  p = fma(p, f, splat(4.1665795894e-2f));
  p = fma(p, f, splat(1.6666665459e-1f));
  p = fma(p, f, splat(5.0000001201e-1f));
  p = fma(p, f * f, f + splat(1.0f));
  // 2^n in two steps: 2^128 is not a float.
  const Vf power = as_float_bits(left<23>(n + splat_i32(126)));
  const Vf y = p * power * splat(2.0f);
  return if_less(x, low, zero(), if_less(low - splat(1.0f), x, y, x));
}

inline float sum_squares(const float* x, int64_t n) {
  Vf s[4] = {zero(), zero(), zero(), zero()};
  each(x, n, 0.0f, [&](int64_t i, Vf v, int64_t) { s[i / 16 % 4] = fma(v, v, s[i / 16 % 4]); });
  return sum((s[0] + s[2]) + (s[1] + s[3]));
}

inline void rms_norm(const float* x, const float* w, int64_t n, float eps, float* y) {
  const float scale = 1.0f / __builtin_sqrtf(sum_squares(x, n) / static_cast<float>(n) + eps);
  each(x, n, 0.0f, [&](int64_t i, Vf v, int64_t count) {
    const Vf weight = count == 16 ? load(w + i) : load_part(w + i, count, 0.0f);
    put(y + i, v * splat(scale) * weight, count);
  });
}

inline void add(const float* x, const float* r, int64_t n, float* y) {
  each(x, n, 0.0f, [&](int64_t i, Vf v, int64_t count) {
    put(y + i, v + (count == 16 ? load(r + i) : load_part(r + i, count, 0.0f)), count);
  });
}

inline void multiply(const float* x, const float* r, int64_t n, float* y) {
  each(x, n, 0.0f, [&](int64_t i, Vf v, int64_t count) {
    put(y + i, v * (count == 16 ? load(r + i) : load_part(r + i, count, 0.0f)), count);
  });
}

inline void layer_norm(const float* x, const float* w, const float* b, int64_t n, float eps,
                       float* y) {
  Vf total = zero();
  each(x, n, 0.0f, [&](int64_t, Vf v, int64_t) { total = total + v; });
  const float mean = sum(total) / static_cast<float>(n);
  Vf squares = zero();
  each(x, n, mean, [&](int64_t, Vf v, int64_t) {
    const Vf d = v - splat(mean);
    squares = fma(d, d, squares);
  });
  const float scale = 1.0f / __builtin_sqrtf(sum(squares) / static_cast<float>(n) + eps);
  each(x, n, 0.0f, [&](int64_t i, Vf v, int64_t count) {
    Vf r = (v - splat(mean)) * splat(scale);
    if (w) r = r * (count == 16 ? load(w + i) : load_part(w + i, count, 0.0f));
    if (b) r = r + (count == 16 ? load(b + i) : load_part(b + i, count, 0.0f));
    put(y + i, r, count);
  });
}

inline void softmax(const float* x, int64_t n, float* y) {
  Vf top = splat(-__builtin_inff());
  each(x, n, -__builtin_inff(), [&](int64_t, Vf v, int64_t) { top = max(v, top); });
  const Vf highest = splat(largest(top));
  Vf total = zero();
  each(x, n, -__builtin_inff(), [&](int64_t i, Vf v, int64_t count) {
    const Vf e = exp(v - highest);
    total = total + e;
    put(y + i, e, count);
  });
  const Vf inverse = splat(1.0f / sum(total));
  each(y, n, 0.0f, [&](int64_t i, Vf v, int64_t count) { put(y + i, v * inverse, count); });
}

OMINIX_INLINE Vf silu(Vf x) { return x / (splat(1.0f) + exp(zero() - x)); }

// max(x, 0) - |x| / 2 · erfc(|x| / √2), with erfc by Abramowitz and Stegun 7.1.26.
OMINIX_INLINE Vf gelu(Vf x) {
  const Vf size = min(abs(x), splat(40.0f));
  const Vf z = size * splat(0.70710678118654752f);
  const Vf t = splat(1.0f) / fma(z, splat(0.3275911f), splat(1.0f));
  Vf p = splat(1.061405429f);
  p = fma(p, t, splat(-1.453152027f));
  p = fma(p, t, splat(1.421413741f));
  p = fma(p, t, splat(-0.284496736f));
  p = fma(p, t, splat(0.254829592f));
  const Vf tail = p * t * exp(zero() - z * z);
  return if_less(x, zero(), zero(), x) - splat(0.5f) * size * tail;
}

// x · sigmoid(2u) = x / 2 · (1 + tanh(u)), u = √(2/π) (x + 0.044715 x³)
OMINIX_INLINE Vf gelu_tanh(Vf x) {
  const Vf u = splat(-1.59576912160573f) * fma(x * x * splat(0.044715f), x, x);
  return x / (splat(1.0f) + exp(u));
}

template <Vf (*kF)(Vf)>
void map(const float* x, int64_t n, float* y) {
  each(x, n, 0.0f, [&](int64_t i, Vf v, int64_t count) { put(y + i, kF(v), count); });
}

inline void swiglu(const float* gate, const float* up, int64_t n, float* y) {
  each(gate, n, 0.0f, [&](int64_t i, Vf v, int64_t count) {
    put(y + i, silu(v) * (count == 16 ? load(up + i) : load_part(up + i, count, 0.0f)), count);
  });
}

inline int32_t argmax(const float* x, int64_t n) {
  Vf top = splat(-__builtin_inff());
  each(x, n, -__builtin_inff(), [&](int64_t, Vf v, int64_t) { top = max(v, top); });
  const float highest = largest(top);
  for (int64_t i = 0; i < n; i++) {
    if (x[i] == highest) return static_cast<int32_t>(i);
  }
  return 0;  // nothing but NaN
}

}  // namespace ominix::kernels::OMINIX_ISA
