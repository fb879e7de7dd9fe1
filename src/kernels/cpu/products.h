#pragma once

#include "kernels/cpu/formats.h"

// Matrix products. For every output the same operations in the same order, whatever runs beside
// it: columns in order, one multiply-add each (float32), or whole-number dots of a block scaled and
// added in block order (int8).
namespace ominix::kernels::OMINIX_ISA {

OMINIX_INLINE Vi splat_bytes(const int8_t* p) {
  int32_t v;
  memcpy(&v, p, 4);
  return splat_i32(v);
}

// acc += block · activations, the one place where int8 products are summed.
template <bool kHalves, bool kMin, bool kWide>
OMINIX_INLINE Vf add_block(Vf acc, const Vi* w, const Scales& s, const ActBlock& x,
                           int zero_point) {
  if constexpr (kHalves) {
    Vi low = splat_i32(-zero_point * (x.total - x.high));
    Vi high = splat_i32(-zero_point * x.high);
    for (int i = 0; i < 4; i++) {
      low = dot4<kWide>(low, w[i], splat_bytes(x.q + 4 * i));
      high = dot4<kWide>(high, w[i + 4], splat_bytes(x.q + 16 + 4 * i));
    }
    const Vf scale = splat(x.scale);
    acc = fma(to_float(low), s.scale[0] * scale, acc);
    acc = fma(to_float(high), s.scale[1] * scale, acc);
    if constexpr (kMin) {
      const float high_sum = x.scale * static_cast<float>(x.high);
      acc = fma(s.min[0], splat(x.scale * static_cast<float>(x.total - x.high)), acc);
      acc = fma(s.min[1], splat(high_sum), acc);
    }
  } else {
    Vi dot = splat_i32(-zero_point * x.total);
    for (int i = 0; i < 8; i++) dot = dot4<kWide>(dot, w[i], splat_bytes(x.q + 4 * i));
    acc = fma(to_float(dot), s.scale[0] * splat(x.scale), acc);
    if constexpr (kMin) acc = fma(s.min[0], splat(x.sum), acc);
  }
  return acc;
}

template <class Q, class S, int kZero, bool kWide>
void row(const Panel& panel, int64_t blocks, const ActBlock* x, float* out) {
  Vf acc = zero();
  const uint8_t* quants = panel.quants;
  for (int64_t b = 0; b < blocks; b++, quants += Q::kBytes) {
    for (int i = 0; i < Q::kBytes; i += 64) __builtin_prefetch(quants + i + 2048);
    Vi w[8];
    Scales s;
    Q::load(quants, w);
    S::load(panel, b, s);
    acc = add_block<S::kHalves, S::kMin, kWide>(acc, w, s, x[b], kZero);
  }
  store(out, acc);
}

template <class Q, class S>
void unpack(const Panel& panel, int64_t first, int count, Stage& stage) {
  for (int b = 0; b < count; b++) {
    Vi w[8];
    Scales s;
    Q::load(panel.quants + (first + b) * Q::kBytes, w);
    S::load(panel, first + b, s);
    for (int i = 0; i < 8; i++) store_i32(stage.q[b][i], w[i]);
    for (int h = 0; h < (S::kHalves ? 2 : 1); h++) {
      store(stage.scale[b][h], s.scale[h]);
      if constexpr (S::kMin) store(stage.min[b][h], s.min[h]);
    }
  }
}

template <bool kHalves, bool kMin, bool kWide, int M>
OMINIX_INLINE void tile_rows(const Stage& stage, int blocks, const ActBlock* x, int width,
                             int zero_point, float* out) {
  Vf acc[M];
  for (int m = 0; m < M; m++) acc[m] = load(out + m * kLanes);
  for (int b = 0; b < blocks; b++) {
    Vi w[8];
    Scales s;
    for (int i = 0; i < 8; i++) w[i] = load_i32(stage.q[b][i]);
    for (int h = 0; h < (kHalves ? 2 : 1); h++) {
      s.scale[h] = load(stage.scale[b][h]);
      if constexpr (kMin) s.min[h] = load(stage.min[b][h]);
    }
#pragma GCC unroll 16
    for (int m = 0; m < M; m++) {
      acc[m] = add_block<kHalves, kMin, kWide>(acc[m], w, s, x[b * width + m], zero_point);
    }
  }
  for (int m = 0; m < M; m++) store(out + m * kLanes, acc[m]);
}

// Splits the rows of a tile into groups that fit the registers.
template <class F>
OMINIX_INLINE void split_tile(int rows, F f) {
  int at = 0;
  if constexpr (kRegisters >= 32) {
    if (rows == kTileRows) return f.template operator()<16>(0);
    if (rows >= 8) f.template operator()<8>(0), at = 8;
  }
  for (; rows - at >= 4; at += 4) f.template operator()<4>(at);
  for (; rows - at >= 2; at += 2) f.template operator()<2>(at);
  if (at < rows) f.template operator()<1>(at);
}

template <bool kHalves, bool kMin, bool kWide>
void tile_kind(const Stage& stage, int blocks, const ActBlock* x, int rows, int zero_point,
               float* acc) {
  split_tile(rows, [&]<int M>(int at) {
    tile_rows<kHalves, kMin, kWide, M>(stage, blocks, x + at, rows, zero_point, acc + at * kLanes);
  });
}

inline void tile_i8(const FormatKernels& f, const Stage& stage, int blocks, const ActBlock* x,
                    int rows, float* acc) {
  const auto run = f.wide ? f.has_min ? tile_kind<false, true, true> : tile_kind<false, false, true>
                   : f.halves
                       ? f.has_min ? tile_kind<true, true, false> : tile_kind<true, false, false>
                   : f.has_min ? tile_kind<false, true, false>
                               : tile_kind<false, false, false>;
  run(stage, blocks, x, rows, f.zero, acc);
}

inline void values(const FormatKernels& f, const Stage& stage, int blocks, float* out) {
  for (int b = 0; b < blocks; b++) {
    for (int c = 0; c < kDepth; c++) {
      // Byte c % 4 of each lane.
      const uint8_t* line = stage.q[b][c / 4];
      Vi q = load_i32(line);
      switch (c % 4) {
        case 0:
          break;
        case 1:
          q = right<8>(q);
          break;
        case 2:
          q = right<16>(q);
          break;
        default:
          q = right<24>(q);
          break;
      }
      q = (q & splat_i32(255)) - splat_i32(f.zero);
      const int h = f.halves ? c / 16 : 0;
      Vf v = load(stage.scale[b][h]) * to_float(q);
      if (f.has_min) v = v + load(stage.min[b][h]);
      store(out + (b * kDepth + c) * kLanes, v);
    }
  }
}

struct DenseF32 {
  using Type = float;
  OMINIX_INLINE Vf load(const float* p) { return OMINIX_ISA::load(p); }
};
struct DenseF16 {
  using Type = uint16_t;
  OMINIX_INLINE Vf load(const uint16_t* p) { return load_f16(p); }
};
struct DenseBf16 {
  using Type = uint16_t;
  OMINIX_INLINE Vf load(const uint16_t* p) { return load_bf16(p); }
};

template <class W, int M>
OMINIX_INLINE void dense_rows(const typename W::Type* w, int64_t k, const float* x, int width,
                              float* out) {
  Vf acc[M];
  for (int m = 0; m < M; m++) acc[m] = load(out + m * kLanes);
  for (int64_t i = 0; i < k; i++, w += kLanes, x += width) {
    const Vf v = W::load(w);
#pragma GCC unroll 16
    for (int m = 0; m < M; m++) acc[m] = fma(v, splat(x[m]), acc[m]);
  }
  for (int m = 0; m < M; m++) store(out + m * kLanes, acc[m]);
}

template <class W>
void dense(const typename W::Type* w, int64_t k, const float* x, int rows, float* acc) {
  split_tile(rows, [&]<int M>(int at) { dense_rows<W, M>(w, k, x + at, rows, acc + at * kLanes); });
}

// Nearest of 255 steps to the largest value of each 32. What is not finite makes the scale NaN.
inline void quantize(const float* x, int64_t columns, ActBlock* out, int stride) {
  for (int64_t at = 0; at < columns; at += kDepth, out += stride) {
    float padded[kDepth] = {};
    const float* p = x + at;
    if (columns - at < kDepth) {
      memcpy(padded, p, (columns - at) * sizeof(float));
      p = padded;
    }
    Vf a = load(p), b = load(p + 16);
    const Vf poison = (a - a) + (b - b);
    const float top = largest(max(abs(a), abs(b)));
    const float bad = sum(poison);
    const bool usable = top > 1e-30f && bad == 0.0f;
    const Vf inverse = splat(usable ? 127.0f / top : 0.0f);
    if (bad != 0.0f) a = b = zero();
    const Vi qa = round_to_int(a * inverse), qb = round_to_int(b * inverse);
    store_i8(out->q, qa);
    store_i8(out->q + 16, qb);
    out->high = sum(qb);
    out->total = sum(qa) + out->high;
    out->scale = usable ? top / 127.0f : bad;
    out->sum = out->scale * static_cast<float>(out->total);
  }
}

}  // namespace ominix::kernels::OMINIX_ISA
