#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "base/error.h"
#include "kernels/host_op.h"
#include "kernels/kernels.h"
#include "kernels/kv_blocks.h"
#include "kernels/parallel.h"

namespace ominix::kernels {
namespace {

namespace mx = mlx::core;

constexpr int kBlock = KvState::kBlock, kLanes = KvLayout::kLanes;

void store(const KvAppend& row, const KvLayout& layout, const float* k, const float* v) {
  for (const auto& copy : row.copies) {
    std::memcpy(copy.to->data(), copy.from->data(), layout.size() * sizeof(float));
  }
  for (int i = 0; i < row.length; i++) {
    const int64_t position = row.start + i;
    const int at = static_cast<int>(position % kBlock);
    float* block = row.blocks[position / kBlock - row.first]->data();
    for (int h = 0; h < layout.heads; h++) {
      float* keys = block + layout.keys(h) + at / kLanes * kLanes * layout.key_dim + at % kLanes;
      for (int d = 0; d < layout.key_dim; d++) keys[d * kLanes] = *k++;
      float* values = block + layout.values(h) + at * kLanes;
      for (int d = 0; d < layout.value_dim; d++) {
        values[d / kLanes * kBlock * kLanes + d % kLanes] = *v++;
      }
    }
  }
}

// One query of one head over its keys, a block at a time, the blocks merged in order.
void attend_one(const KvAppend& row, const KvLayout& layout, const AttendOptions& options, int head,
                int64_t position, const float* q, float* out) {
  const int64_t begin = options.window ? std::max<int64_t>(0, position - options.window + 1) : 0;
  float max = -std::numeric_limits<float>::infinity(), sum = 0;
  std::fill(out, out + layout.value_dim, 0.0f);
  for (int64_t b = begin / kBlock; b <= position / kBlock; b++) {
    const float* block = row.blocks[b - row.first]->data();
    const float* keys = block + layout.keys(head);
    const float* values = block + layout.values(head);
    const int from = static_cast<int>(std::max<int64_t>(0, begin - b * kBlock));
    const int to = static_cast<int>(std::min<int64_t>(kBlock, position + 1 - b * kBlock));
    float scores[kBlock], block_max = -std::numeric_limits<float>::infinity(), block_sum = 0;
    for (int j = from; j < to; j++) {
      const float* key = keys + j / kLanes * kLanes * layout.key_dim + j % kLanes;
      float s = 0;
      for (int d = 0; d < layout.key_dim; d++) s += q[d] * key[d * kLanes];
      s *= options.scale;
      if (options.soft_cap > 0) s = options.soft_cap * std::tanh(s / options.soft_cap);
      scores[j] = s;
      block_max = std::max(block_max, s);
    }
    for (int j = from; j < to; j++) block_sum += scores[j] = std::exp(scores[j] - block_max);
    const float new_max = std::max(max, block_max);
    const float old_part = std::exp(max - new_max), new_part = std::exp(block_max - new_max);
    sum = sum * old_part + block_sum * new_part;
    for (int d = 0; d < layout.value_dim; d++) {
      const float* value = values + d / kLanes * kBlock * kLanes + d % kLanes;
      float o = 0;
      for (int j = from; j < to; j++) o += scores[j] * value[j * kLanes];
      out[d] = out[d] * old_part + o * new_part;
    }
    max = new_max;
  }
  for (int d = 0; d < layout.value_dim; d++) out[d] /= sum;
}

void check(const array& q, const array& k, const array& v, const KvSpec& spec) {
  if (q.ndim() != 3 || k.ndim() != 3 || v.ndim() != 3 || k.shape(0) != q.shape(0) ||
      v.shape(0) != q.shape(0) || q.shape(2) != spec.key_dim || k.shape(2) != spec.key_dim ||
      v.shape(2) != spec.value_dim || k.shape(1) != spec.kv_heads || v.shape(1) != spec.kv_heads ||
      q.shape(1) % spec.kv_heads != 0) {
    throw fail(ErrorCode::invalid_argument,
               "kernels: attend, expected q (T, H, {}), k (T, {}, {}), v (T, {}, {}) and H a "
               "multiple of {}",
               spec.key_dim, spec.kv_heads, spec.key_dim, spec.kv_heads, spec.value_dim,
               spec.kv_heads);
  }
}

}  // namespace

array attend(const array& q, const array& k, const array& v, std::span<const AttendRow> rows,
             const AttendOptions& options) {
  int64_t total = 0;
  for (const AttendRow& row : rows) {
    check(q, k, v, row.state->spec());
    if (row.length < 1) {
      throw fail(ErrorCode::invalid_argument, "kernels: attend, a row of {} tokens", row.length);
    }
    total += row.length;
  }
  if (rows.empty() || total != q.shape(0)) {
    throw fail(ErrorCode::invalid_argument, "kernels: attend, rows of {} tokens, q has {}", total,
               q.ndim() ? q.shape(0) : 0);
  }
  const KvLayout layout(rows[0].state->spec());
  std::vector<KvAppend> plans;
  for (const AttendRow& row : rows) plans.push_back(append(*row.state, row.length));
  const int heads = q.shape(1);
  mx::Shape shape{q.shape(0), heads, layout.value_dim};
  return host_op("attend", {as_float(q), as_float(k), as_float(v)}, std::move(shape), mx::float32,
                 [plans = std::move(plans), layout, options, heads](auto in, auto out) {
                   const auto* q = static_cast<const float*>(in[0]);
                   const auto* k = static_cast<const float*>(in[1]);
                   const auto* v = static_cast<const float*>(in[2]);
                   auto* y = static_cast<float*>(out[0]);
                   for (const KvAppend& row : plans) {
                     store(row, layout, k, v);
                     parallel(int64_t{row.length} * heads, 1, [&](int64_t begin, int64_t end, int) {
                       for (int64_t i = begin; i < end; i++) {
                         const int head = static_cast<int>(i % heads);
                         attend_one(row, layout, options, head / (heads / layout.heads),
                                    row.start + i / heads, q + i * layout.key_dim,
                                    y + i * layout.value_dim);
                       }
                     });
                     q += int64_t{row.length} * heads * layout.key_dim;
                     k += int64_t{row.length} * layout.heads * layout.key_dim;
                     v += int64_t{row.length} * layout.heads * layout.value_dim;
                     y += int64_t{row.length} * heads * layout.value_dim;
                   }
                 });
}

array attend_all(const array& q, const array& k, const array& v, std::span<const int> lengths,
                 float scale) {
  if (q.ndim() != 3 || k.ndim() != 3 || v.ndim() != 3 || k.shape(0) != q.shape(0) ||
      v.shape(0) != q.shape(0) || k.shape(2) != q.shape(2) || k.shape(1) != v.shape(1) ||
      k.shape(1) < 1 || q.shape(1) % k.shape(1) != 0) {
    throw fail(ErrorCode::invalid_argument,
               "kernels: attend_all, expected q (T, H, D), k (T, Hkv, D), v (T, Hkv, Dv) and H a "
               "multiple of Hkv");
  }
  int64_t total = 0;
  for (const int length : lengths) total += length;
  if (total != q.shape(0)) {
    throw fail(ErrorCode::invalid_argument, "kernels: attend_all, rows of {} tokens, q has {}",
               total, q.shape(0));
  }
  const int heads = q.shape(1), kv_heads = k.shape(1), dim = q.shape(2), value_dim = v.shape(2);
  return host_op(
      "attend_all", {as_float(q), as_float(k), as_float(v)}, {q.shape(0), heads, value_dim},
      mx::float32,
      [=, lengths = std::vector<int>(lengths.begin(), lengths.end())](auto in, auto out) {
        const auto* q = static_cast<const float*>(in[0]);
        const auto* k = static_cast<const float*>(in[1]);
        const auto* v = static_cast<const float*>(in[2]);
        auto* y = static_cast<float*>(out[0]);
        for (const int length : lengths) {
          std::vector<float> all(int64_t{threads()} * length);
          parallel(int64_t{length} * heads, 1, [&](int64_t begin, int64_t end, int thread) {
            float* p = all.data() + int64_t{thread} * length;
            for (int64_t i = begin; i < end; i++) {
              const int64_t head = i % heads / (heads / kv_heads);
              float max = -std::numeric_limits<float>::infinity(), sum = 0;
              for (int64_t j = 0; j < length; j++) {
                float s = 0;
                for (int d = 0; d < dim; d++)
                  s += q[i * dim + d] * k[(j * kv_heads + head) * dim + d];
                p[j] = s * scale;
                max = std::max(max, p[j]);
              }
              for (int64_t j = 0; j < length; j++) sum += p[j] = std::exp(p[j] - max);
              for (int d = 0; d < value_dim; d++) {
                float o = 0;
                for (int64_t j = 0; j < length; j++) {
                  o += p[j] * v[(j * kv_heads + head) * value_dim + d];
                }
                y[i * value_dim + d] = o / sum;
              }
            }
          });
          q += int64_t{length} * heads * dim;
          k += int64_t{length} * kv_heads * dim;
          v += int64_t{length} * kv_heads * value_dim;
          y += int64_t{length} * heads * value_dim;
        }
      });
}

}  // namespace ominix::kernels
