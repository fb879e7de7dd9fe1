#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "kernels/gpu/gpu.h"
#include "kernels/host_op.h"
#include "kernels/kv_blocks.h"
#include "mlx/fast.h"
#include "mlx/ops.h"

namespace mx = mlx::core;

namespace ominix::kernels::gpu {
namespace {

mx::Dtype type() { return current_arithmetic() == Arithmetic::exact ? mx::float32 : mx::float16; }

// Rows [first, first + count) of (T, H, D) as (1, H, count, D).
array heads_first(const array& x, int first, int count) {
  const array rows = mx::slice(x, {first, 0, 0}, {first + count, x.shape(1), x.shape(2)});
  return mx::expand_dims(mx::transpose(mx::astype(rows, type()), {1, 0, 2}), 0);
}

array tokens_of(const array& x, int64_t first, int64_t count) {
  mx::Shape start(4, 0), stop = x.shape();
  start[2] = static_cast<int>(first);
  stop[2] = static_cast<int>(first + count);
  return mx::slice(x, start, stop);
}

array with_room(const array& x, int64_t tokens) {
  mx::Shape more = x.shape();
  more[2] = static_cast<int>(tokens) - more[2];
  return mx::concatenate({x, mx::zeros(more, x.dtype())}, 2);
}

// Puts `added` behind the first `used` tokens of `kept`.
void append(std::optional<array>& kept, const array& added, int64_t used) {
  constexpr int64_t kBlock = KvState::kBlock;
  const int64_t end = used + added.shape(2);
  const int64_t room = (end + kBlock - 1) / kBlock * kBlock;
  if (!kept) {
    kept = with_room(added, room);
    return;
  }
  const array grown = kept->shape(2) < room ? with_room(*kept, room) : *kept;
  mx::Shape start(4, 0), stop = grown.shape();
  start[2] = static_cast<int>(used);
  stop[2] = static_cast<int>(end);
  kept = mx::slice_update(grown, added, start, stop);
}

// (L, N) additive: query i stands at token start + i, keys from token first on.
array window_mask(int64_t start, int length, int64_t first, int64_t keys, int window) {
  std::vector<float> mask(static_cast<size_t>(length * keys));
  for (int i = 0; i < length; i++) {
    for (int64_t j = 0; j < keys; j++) {
      const int64_t behind = start + i - (first + j);
      mask[i * keys + j] = behind >= 0 && behind < window ? 0.0f : -INFINITY;
    }
  }
  return array(mask.data(), {length, static_cast<int>(keys)});
}

// Scores and their softmax written out, for what the fused operation does not have.
array capped(const array& q, const array& k, const array& v, const array& mask, float scale,
             float cap) {
  const int groups = q.shape(1) / k.shape(1), L = q.shape(2);
  const mx::Shape shape{1, k.shape(1), groups, L, q.shape(3)};
  const array keys = mx::expand_dims(mx::swapaxes(k, 2, 3), 2), values = mx::expand_dims(v, 2);
  array scores = as_float(mx::matmul(mx::reshape(q, shape), keys)) * array(scale);
  scores = array(cap) * mx::tanh(scores / array(cap)) + mask;
  const array weights = mx::astype(mx::softmax(scores, -1, true), v.dtype());
  return mx::reshape(mx::matmul(weights, values), {1, q.shape(1), L, v.shape(3)});
}

// (1, H, L, Dv) -> (L, H, Dv)
array rows_first(const array& x) { return as_float(mx::transpose(mx::squeeze(x, 0), {1, 0, 2})); }

array attend_row(const array& q, KvState& state, int length, const AttendOptions& o) {
  KvState::Blocks& b = state.blocks();
  const int64_t keys = b.length - b.gpu.first, start = b.length - length;
  const array k = tokens_of(*b.gpu.keys, 0, keys), v = tokens_of(*b.gpu.values, 0, keys);
  const bool windowed = o.window > 0 && b.length > o.window;
  if (o.soft_cap > 0) {
    const int window = windowed ? o.window : static_cast<int>(b.length) + 1;
    return capped(q, k, v, window_mask(start, length, b.gpu.first, keys, window), o.scale,
                  o.soft_cap);
  }
  if (windowed) {
    return mx::fast::scaled_dot_product_attention(
        q, k, v, o.scale, "array",
        mx::astype(window_mask(start, length, b.gpu.first, keys, o.window), q.dtype()));
  }
  return mx::fast::scaled_dot_product_attention(q, k, v, o.scale, length > 1 ? "causal" : "");
}

// Drops what no later query can see.
void drop_passed(KvState::Blocks& b) {
  const int64_t needed = std::max<int64_t>(0, b.length - b.spec.window + 1);
  // In steps of a block, so that few tokens are moved each time.
  const int64_t passed = (needed - b.gpu.first) / KvState::kBlock * KvState::kBlock;
  if (b.spec.window == 0 || passed <= 0) return;
  for (std::optional<array>* kept : {&b.gpu.keys, &b.gpu.values}) {
    *kept = tokens_of(**kept, passed, (*kept)->shape(2) - passed);
  }
  b.gpu.first += passed;
}

}  // namespace

uint64_t KvArrays::bytes() const { return keys ? keys->nbytes() + values->nbytes() : 0; }

array attend(const array& q, const array& k, const array& v, std::span<const AttendRow> rows,
             const AttendOptions& options) {
  std::vector<array> out;
  int at = 0;
  for (const AttendRow& row : rows) {
    KvState::Blocks& b = row.state->blocks();
    if (b.spec.quantized) {
      throw fail(ErrorCode::unsupported,
                 "kernels: keys and values in 8 bits on a GPU, expected floats; use --device cpu");
    }
    const int64_t used = b.length - b.gpu.first;
    append(b.gpu.keys, heads_first(k, at, row.length), used);
    append(b.gpu.values, heads_first(v, at, row.length), used);
    b.length += row.length;
    out.push_back(
        rows_first(attend_row(heads_first(q, at, row.length), *row.state, row.length, options)));
    drop_passed(b);
    at += row.length;
  }
  return out.size() == 1 ? out[0] : mx::concatenate(out, 0);
}

array attend_all(const array& q, const array& k, const array& v, std::span<const int> lengths,
                 float scale) {
  std::vector<array> out;
  int at = 0;
  for (const int length : lengths) {
    out.push_back(rows_first(mx::fast::scaled_dot_product_attention(
        heads_first(q, at, length), heads_first(k, at, length), heads_first(v, at, length),
        scale)));
    at += length;
  }
  return out.size() == 1 ? out[0] : mx::concatenate(out, 0);
}

}  // namespace ominix::kernels::gpu
