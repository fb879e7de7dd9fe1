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

// A block of a panel in registers.
struct Loaded {
  Vi w[8];
  Scales s;
  OMINIX_INLINE Vi line(const Loaded& b, int, int i) { return b.w[i]; }
  OMINIX_INLINE Vf scale(const Loaded& b, int, int h) { return b.s.scale[h]; }
  OMINIX_INLINE Vf min(const Loaded& b, int, int h) { return b.s.min[h]; }
};

// A block of some panels in memory, unpacked.
struct Staged {
  const Stage* stages;
  int block;
  OMINIX_INLINE Vi line(const Staged& b, int p, int i) {
    return load_i32(b.stages[p].q[b.block][i]);
  }
  OMINIX_INLINE Vf scale(const Staged& b, int p, int h) {
    return load(b.stages[p].scale[b.block][h]);
  }
  OMINIX_INLINE Vf min(const Staged& b, int p, int h) { return load(b.stages[p].min[b.block][h]); }
};

// acc[p · stride + g] += block of panel p · activations of row g, the one place where int8 products
// are summed. P panels and G rows go side by side, line by line: each dot product waits for its own
// last step, and one load of activations serves P of them.
template <bool kHalves, bool kMin, bool kWide, int P, int G, class Block>
OMINIX_INLINE void add_block(Vf* acc, int stride, const Block& w, const ActBlock* x) {
  constexpr int kLines = kHalves ? 4 : 8;
#pragma GCC unroll 2
  for (int h = 0; h < (kHalves ? 2 : 1); h++) {
    Vi dot[P][G];
#pragma GCC unroll 16
    for (int g = 0; g < G; g++) {
      const Vi start = splat_i32(kHalves && kMin ? 0 : h ? x[g].high_start : x[g].start);
      for (int p = 0; p < P; p++) dot[p][g] = start;
    }
#pragma GCC unroll 8
    for (int i = h * kLines; i < (h + 1) * kLines; i++) {
      Vi line[P];
      for (int p = 0; p < P; p++) line[p] = Block::line(w, p, i);
#pragma GCC unroll 16
      for (int g = 0; g < G; g++) {
        const Vi q = splat_bytes(x[g].q + 4 * i);
        for (int p = 0; p < P; p++) dot[p][g] = dot4<kWide>(dot[p][g], line[p], q);
      }
    }
#pragma GCC unroll 16
    for (int g = 0; g < G; g++) {
      const Vf scale = splat(x[g].scale);
      for (int p = 0; p < P; p++) {
        Vf& a = acc[p * stride + g];
        a = fma(to_float(dot[p][g]), Block::scale(w, p, h) * scale, a);
      }
    }
  }
  if constexpr (kMin) {
#pragma GCC unroll 16
    for (int g = 0; g < G; g++) {
      const Vf low = splat(x[g].sum);
      for (int p = 0; p < P; p++) {
        Vf& a = acc[p * stride + g];
        a = fma(Block::min(w, p, 0), low, a);
        if constexpr (kHalves) a = fma(Block::min(w, p, 1), splat(x[g].high_sum), a);
      }
    }
  }
}

template <class Q, class S>
void unpack(const Panel& panel, int64_t first, int count, Stage& stage) {
  for (int b = 0; b < count; b++) {
    Vi w[8];
    Scales s;
    const uint8_t* quants = panel.quants + (first + b) * Q::kBytes;
    for (int i = 0; i < Q::kBytes; i += 64) __builtin_prefetch(quants + i + 4096);
    Q::load(quants, w);
    S::load(panel, first + b, s);
    for (int i = 0; i < 8; i++) store_i32(stage.q[b][i], w[i]);
    for (int h = 0; h < (S::kHalves ? 2 : 1); h++) {
      store(stage.scale[b][h], s.scale[h]);
      if constexpr (S::kMin) store(stage.min[b][h], s.min[h]);
    }
  }
}

// acc (panels, stride rows, 16)
template <bool kHalves, bool kMin, bool kWide, int P, int M>
OMINIX_INLINE void tile_rows(const Stage* stages, int blocks, const ActBlock* x, int width,
                             float* out, int64_t stride) {
  constexpr int kGroup = kRegisters >= 32 && M >= 4 ? 4 : 1;
  Vf acc[P * M];
  for (int p = 0; p < P; p++) {
    for (int m = 0; m < M; m++) acc[p * M + m] = load(out + (p * stride + m) * kLanes);
  }
  for (int b = 0; b < blocks; b++, x += width) {
    if constexpr (P == 1) {
      Loaded w;
      for (int i = 0; i < 8; i++) w.w[i] = load_i32(stages->q[b][i]);
      for (int h = 0; h < (kHalves ? 2 : 1); h++) {
        w.s.scale[h] = load(stages->scale[b][h]);
        if constexpr (kMin) w.s.min[h] = load(stages->min[b][h]);
      }
#pragma GCC unroll 16
      for (int m = 0; m < M; m += kGroup) {
        add_block<kHalves, kMin, kWide, 1, kGroup>(acc + m, M, w, x + m);
      }
    } else {
#pragma GCC unroll 16
      for (int m = 0; m < M; m += kGroup) {
        add_block<kHalves, kMin, kWide, P, kGroup>(acc + m, M, Staged{stages, b}, x + m);
      }
    }
  }
  for (int p = 0; p < P; p++) {
    for (int m = 0; m < M; m++) store(out + (p * stride + m) * kLanes, acc[p * M + m]);
  }
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

template <class Q, class S, bool kWide, int M>
OMINIX_INLINE void few_rows(const Panel& panel, int64_t first, int64_t end, const ActBlock* x,
                            int width, float* out) {
  Vf acc[M];
  for (int m = 0; m < M; m++) acc[m] = load(out + m * kLanes);
  const uint8_t* quants = panel.quants + first * Q::kBytes;
  for (int64_t b = first; b < end; b++, quants += Q::kBytes) {
    for (int i = 0; i < Q::kBytes; i += 64) __builtin_prefetch(quants + i + 2048);
    Loaded w;
    Q::load(quants, w.w);
    S::load(panel, b, w.s);
    constexpr int kGroup = kRegisters >= 32 && M >= 4 ? 4 : 1;
#pragma GCC unroll 16
    for (int m = 0; m < M; m += kGroup) {
      add_block<S::kHalves, S::kMin, kWide, 1, kGroup>(acc + m, M, w, x + b * width + m);
    }
  }
  for (int m = 0; m < M; m++) store(out + m * kLanes, acc[m]);
}

template <class Q, class S, bool kWide>
void row(const Panel& panel, int64_t blocks, const ActBlock* x, float* acc) {
  few_rows<Q, S, kWide, 1>(panel, 0, blocks, x, 1, acc);
}

template <class Q, class S, bool kWide>
void few(const Panel& panel, int64_t blocks, const ActBlock* x, int rows, float* acc) {
  constexpr int64_t kPiece = 16;  // blocks that the cache holds for the next group of rows
  for (int64_t b = 0; b < blocks; b += kPiece) {
    const int64_t end = b + kPiece < blocks ? b + kPiece : blocks;
    int at = 0;
    if (rows == kFewRows) {
      few_rows<Q, S, kWide, kFewRows>(panel, b, end, x, rows, acc);
      at = kFewRows;
    }
    for (; at + 4 <= rows; at += 4) {
      few_rows<Q, S, kWide, 4>(panel, b, end, x + at, rows, acc + at * kLanes);
    }
    for (; at < rows; at++) {
      few_rows<Q, S, kWide, 1>(panel, b, end, x + at, rows, acc + at * kLanes);
    }
  }
}

template <bool kHalves, bool kMin, bool kWide>
void tile_kind(const Stage* stages, int panels, int blocks, const ActBlock* x, int rows, float* acc,
               int64_t stride) {
  if constexpr (kRegisters >= 32) {
    for (; panels >= 2 && rows == kTileRows; panels -= 2, stages += 2, acc += 2 * stride * kLanes) {
      // Four rows: sums and dot products of both panels stay in registers.
      for (int at = 0; at < kTileRows; at += 4) {
        tile_rows<kHalves, kMin, kWide, 2, 4>(stages, blocks, x + at, rows, acc + at * kLanes,
                                              stride);
      }
    }
  }
  for (; panels > 0; panels--, stages++, acc += stride * kLanes) {
    split_tile(rows, [&]<int M>(int at) {
      tile_rows<kHalves, kMin, kWide, 1, M>(stages, blocks, x + at, rows, acc + at * kLanes, 0);
    });
  }
}

inline void tile_i8(const FormatKernels& f, const Stage* stages, int panels, int blocks,
                    const ActBlock* x, int rows, float* acc, int64_t stride) {
  const auto run = f.wide ? f.has_min ? tile_kind<false, true, true> : tile_kind<false, false, true>
                   : f.halves
                       ? f.has_min ? tile_kind<true, true, false> : tile_kind<true, false, false>
                   : f.has_min ? tile_kind<false, true, false>
                               : tile_kind<false, false, false>;
  run(stages, panels, blocks, x, rows, acc, stride);
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
inline void quantize(const FormatKernels& f, const float* x, int64_t columns, ActBlock* out,
                     int stride) {
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
    const int32_t low = sum(qa), high = sum(qb);
    out->scale = usable ? top / 127.0f : bad;
    if (f.halves && f.has_min) {
      out->start = 0;
      out->sum = out->scale * static_cast<float>(low);
      out->high_sum = out->scale * static_cast<float>(high);
    } else if (f.halves) {
      out->start = -f.zero * low;
      out->high_start = -f.zero * high;
    } else {
      out->start = -f.zero * (low + high);
      out->sum = out->scale * static_cast<float>(low + high);
    }
  }
}

}  // namespace ominix::kernels::OMINIX_ISA
