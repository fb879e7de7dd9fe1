#pragma once

#include "kernels/cpu/products.h"
#include "kernels/cpu/rows.h"

// A tile of queries against one block of keys and values.
namespace ominix::kernels::OMINIX_ISA {

// c · tanh(s / c)
OMINIX_INLINE Vf soft_cap(Vf s, float cap) {
  const Vf e = exp(s * splat(-2.0f / cap));
  return splat(cap) * (splat(1.0f) - e) / (splat(1.0f) + e);
}

inline void attend_block(const AttendBlock& a, float* out, float* max_out, float* sum_out) {
  const int first = a.begin / kLanes, last = (a.end + kLanes - 1) / kLanes, rows = a.rows;
  alignas(64) float scores[16][kTileRows * kLanes];
  alignas(64) float turned[256 * kTileRows];
  for (int p = first; p < last; p++) {
    memset(scores[p], 0, rows * kLanes * sizeof(float));
    dense<DenseF32>(a.keys + p * kLanes * a.key_dim, a.key_dim, a.q, rows, scores[p]);
  }
  float places[kLanes];
  for (int i = 0; i < kLanes; i++) places[i] = static_cast<float>(i);
  const Vf lane = load(places);
  const Vf none = splat(-__builtin_inff());
  for (int r = 0; r < rows; r++) {
    Vf top = none;
    for (int p = first; p < last; p++) {
      Vf s = load(scores[p] + r * kLanes) * splat(a.scale);
      if (a.soft_cap > 0) s = soft_cap(s, a.soft_cap);
      const int from = a.from[r] - p * kLanes, to = a.to[r] - p * kLanes;
      if (to < kLanes) s = if_less(lane, splat(static_cast<float>(to)), s, none);
      if (from > 0) s = if_less(lane, splat(static_cast<float>(from)), none, s);
      store(scores[p] + r * kLanes, s);
      top = max(s, top);
    }
    const float highest = largest(top);
    // A row that sees nothing of this block, beside one that does.
    const Vf base = splat(highest == -__builtin_inff() ? 0.0f : highest);
    Vf total = zero();
    for (int p = first; p < last; p++) {
      const Vf e = exp(load(scores[p] + r * kLanes) - base);
      total = total + e;
      float lanes[kLanes];
      store(lanes, e);
      for (int i = 0; i < kLanes; i++) turned[(p * kLanes + i) * rows + r] = lanes[i];
    }
    max_out[r] = highest;
    sum_out[r] = sum(total);
  }
  for (int p = 0; p < a.value_panels; p++) {
    float* acc = out + p * rows * kLanes;
    memset(acc, 0, rows * kLanes * sizeof(float));
    dense<DenseF32>(a.values + (p * 256 + a.begin) * kLanes, a.end - a.begin,
                    turned + a.begin * rows, rows, acc);
  }
}

OMINIX_INLINE float exp_one(float x) {
  float v[kLanes];
  store(v, exp(splat(x)));
  return v[0];
}

inline void attend_merge(const float* part, const float* part_max, const float* part_sum, int rows,
                         int value_panels, float* out, float* max_io, float* sum_io) {
  for (int r = 0; r < rows; r++) {
    if (part_max[r] == -__builtin_inff()) continue;
    const float top = max_io[r] < part_max[r] ? part_max[r] : max_io[r];
    const float old_share = exp_one(max_io[r] - top), new_share = exp_one(part_max[r] - top);
    sum_io[r] = sum_io[r] * old_share + part_sum[r] * new_share;
    max_io[r] = top;
    for (int p = 0; p < value_panels; p++) {
      const int at = (p * rows + r) * kLanes;
      store(out + at, fma(load(part + at), splat(new_share), load(out + at) * splat(old_share)));
    }
  }
}

}  // namespace ominix::kernels::OMINIX_ISA
