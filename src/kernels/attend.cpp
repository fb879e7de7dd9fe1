#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <span>
#include <vector>

#include "base/error.h"
#include "kernels/cpu/table.h"
#include "kernels/gpu/gpu.h"
#include "kernels/host_op.h"
#include "kernels/kernels.h"
#include "kernels/kv_blocks.h"
#include "kernels/parallel.h"

namespace ominix::kernels {
namespace {

namespace mx = mlx::core;

constexpr int kBlock = KvState::kBlock;

// x in 8 bits: round(x / scale), scale = largest size / 127. A group that is not finite gets the
// scale NaN: every score that looks at it shows it.
float quantize_group(const float* x, int count, int8_t* out, int64_t stride) {
  float most = 0;
  bool finite = true;
  for (int i = 0; i < count; i++) {
    most = std::max(most, std::abs(x[i]));
    finite = finite && std::isfinite(x[i]);
  }
  const float scale = most / 127;
  const float inverse = scale > 0 && finite ? 1 / scale : 0;
  for (int i = 0; i < count; i++) {
    const float q = finite ? std::nearbyint(std::clamp(x[i] * inverse, -127.0f, 127.0f)) : 1;
    out[i * stride] = static_cast<int8_t>(q);
  }
  return finite ? scale : std::numeric_limits<float>::quiet_NaN();
}

// Writes the new keys and values of one head.
void store(const KvAppend& row, const KvLayout& layout, int head, const float* k, const float* v) {
  constexpr int kGroup = KvLayout::kGroup;
  for (int i = 0; i < row.length; i++) {
    const int64_t position = row.start + i;
    const int at = static_cast<int>(position % kBlock);
    const KvBlock& block = *row.blocks[position / kBlock - row.first];
    const float* key = k + (int64_t{i} * layout.heads + head) * layout.key_dim;
    const float* value = v + (int64_t{i} * layout.heads + head) * layout.value_dim;
    if (!layout.quantized) {
      float* keys = block.data() + layout.keys(head) + KvLayout::key_at(at, 0, layout.key_dim);
      for (int d = 0; d < layout.key_dim; d++) keys[d * kLanes] = key[d];
      float* values = block.data() + layout.values(head) + at * kLanes;
      for (int d = 0; d < layout.value_dim; d++) {
        values[d / kLanes * kBlock * kLanes + d % kLanes] = value[d];
      }
      continue;
    }
    float* scales = block.scales(layout);
    int8_t* keys = block.whole() + layout.keys(head);
    for (int d = 0; d < layout.key_dim; d += kGroup) {
      scales[layout.key_scales(head) + int64_t{d / kGroup} * kBlock + at] =
          quantize_group(key + d, std::min(kGroup, layout.key_dim - d),
                         keys + KvLayout::key_at(at, d, layout.key_dim), kLanes);
    }
    int8_t* values = block.whole() + layout.values(head);
    for (int d = 0; d < layout.value_dim; d += kGroup) {
      int8_t group[kGroup];
      const int count = std::min(kGroup, layout.value_dim - d);
      scales[layout.value_scales(head) + int64_t{d / kGroup} * kBlock + at] =
          quantize_group(value + d, count, group, 1);
      for (int c = 0; c < count; c++) values[KvLayout::value_at(at, d + c)] = group[c];
    }
  }
}

// A head's keys and values of tokens [begin, end) of a quantized block, in float32 and in the
// places where a float32 block has them.
void widen(const KvBlock& block, const KvLayout& layout, int head, int begin, int end, float* keys,
           float* values) {
  const float* scales = block.scales(layout);
  const int8_t* k = block.whole() + layout.keys(head);
  for (int panel = begin / kLanes; panel < (end + kLanes - 1) / kLanes; panel++) {
    const float* of_keys = scales + layout.key_scales(head) + panel * kLanes;
    for (int d = 0; d < layout.key_dim; d++) {
      const int64_t at = (int64_t{panel} * layout.key_dim + d) * kLanes;
      const float* scale = of_keys + int64_t{d / KvLayout::kGroup} * kBlock;
      for (int lane = 0; lane < kLanes; lane++)
        keys[at + lane] = static_cast<float>(k[at + lane]) * scale[lane];
    }
  }
  const int8_t* v = block.whole() + layout.values(head);
  for (int panel = 0; panel < layout.value_panels(); panel++) {
    const float* scale =
        scales + layout.value_scales(head) + int64_t{panel * kLanes / KvLayout::kGroup} * kBlock;
    for (int t = begin; t < end; t++) {
      const int64_t at = (int64_t{panel} * kBlock + t) * kLanes;
      for (int lane = 0; lane < kLanes; lane++)
        values[at + lane] = static_cast<float>(v[at + lane]) * scale[t];
    }
  }
}

// Up to 16 queries that share a key head. Query i of a row and key head is token i / group, and
// within that head i % group of the group.
struct Tile {
  const KvAppend* row;
  const float* q;      // the row's
  const float* sinks;  // of all heads, or nullptr
  float* y;
  int head;
  int64_t first;
  int rows;
};

// Running result of a tile, or that of one block: weighted values, largest scores, sums of weights.
struct Part {
  explicit Part(const KvLayout& layout) : out(layout.value_panels() * kTileRows * kLanes) {
    clear();
  }
  void clear() { std::fill(max, max + kTileRows, -std::numeric_limits<float>::infinity()); }
  std::vector<float> out;
  float max[kTileRows];
  float sum[kTileRows] = {};
};

class Attention {
 public:
  Attention(const KvLayout& layout, const AttendOptions& options, int heads, bool causal)
      : layout_(layout),
        scale_(options.scale),
        soft_cap_(options.soft_cap),
        window_(options.window),
        heads_(heads),
        group_(heads / layout.heads),
        causal_(causal) {}

  void run(const std::vector<KvAppend>& rows, std::span<const void* const> in, void* out) const {
    const auto* q = static_cast<const float*>(in[0]);
    const auto* k = static_cast<const float*>(in[1]);
    const auto* v = static_cast<const float*>(in[2]);
    const auto* sinks = in.size() > 3 ? static_cast<const float*>(in[3]) : nullptr;
    auto* y = static_cast<float*>(out);
    std::vector<Tile> tiles;
    int64_t most_blocks = 0;
    for (const KvAppend& row : rows) {
      append(row, k, v);
      const int64_t queries = int64_t{row.length} * group_;
      for (int h = 0; h < layout_.heads; h++) {
        for (int64_t first = 0; first < queries; first += kTileRows) {
          const auto count = std::min<int64_t>(kTileRows, queries - first);
          tiles.push_back({&row, q, sinks, y, h, first, static_cast<int>(count)});
        }
      }
      most_blocks = std::max<int64_t>(most_blocks, row.blocks.size());
      q += int64_t{row.length} * heads_ * layout_.key_dim;
      y += int64_t{row.length} * heads_ * layout_.value_dim;
      k += int64_t{row.length} * layout_.heads * layout_.key_dim;
      v += int64_t{row.length} * layout_.heads * layout_.value_dim;
    }
    if (most_blocks > 1 && static_cast<int64_t>(tiles.size()) < 4 * threads()) {
      return split(tiles, most_blocks);
    }
    parallel(static_cast<int64_t>(tiles.size()), 1, [&](int64_t begin, int64_t end, int) {
      for (int64_t i = begin; i < end; i++) whole(tiles[i]);
    });
  }

 private:
  void append(const KvAppend& row, const float* k, const float* v) const {
    for (const auto& copy : row.copies) {
      std::memcpy(copy.to->memory.data(), copy.from->memory.data(), layout_.bytes());
    }
    const int chunk = row.length > 8 ? 1 : layout_.heads;
    parallel(layout_.heads, chunk, [&](int64_t begin, int64_t end, int) {
      for (int64_t h = begin; h < end; h++) store(row, layout_, static_cast<int>(h), k, v);
    });
  }

  // The last position that a query sees, and the first.
  int64_t last_seen(const Tile& t, int query) const {
    return t.row->start + (causal_ ? (t.first + query) / group_ : t.row->length - 1);
  }
  int64_t first_seen(int64_t last) const {
    return window_ ? std::max<int64_t>(0, last - window_ + 1) : 0;
  }
  int64_t first_block(const Tile& t) const { return first_seen(last_seen(t, 0)) / kBlock; }
  int64_t end_block(const Tile& t) const { return last_seen(t, t.rows - 1) / kBlock + 1; }

  // Where head and token of a query are in q or y, in vectors.
  int64_t place(const Tile& t, int query) const {
    const int64_t i = t.first + query;
    return i / group_ * heads_ + t.head * group_ + i % group_;
  }

  // (key_dim, rows), as products take them.
  std::vector<float> queries(const Tile& t) const {
    std::vector<float> turned(int64_t{layout_.key_dim} * t.rows);
    for (int r = 0; r < t.rows; r++) {
      const float* from = t.q + place(t, r) * layout_.key_dim;
      for (int d = 0; d < layout_.key_dim; d++) turned[d * t.rows + r] = from[d];
    }
    return turned;
  }

  void block(const Tile& t, const float* q, int64_t index, Part& part) const {
    int from[kTileRows], to[kTileRows], lowest = kBlock, highest = 0;
    for (int r = 0; r < t.rows; r++) {
      const int64_t last = last_seen(t, r), origin = index * kBlock;
      from[r] = static_cast<int>(std::clamp<int64_t>(first_seen(last) - origin, 0, kBlock));
      to[r] = static_cast<int>(std::clamp<int64_t>(last + 1 - origin, 0, kBlock));
      if (from[r] >= to[r]) continue;
      lowest = std::min(lowest, from[r]);
      highest = std::max(highest, to[r]);
    }
    if (lowest >= highest) return;
    const KvBlock& memory = *t.row->blocks[index - t.row->first];
    const float *keys, *values;
    if (layout_.quantized) {
      thread_local std::vector<float> wide;
      wide.resize(layout_.keys_size() + layout_.values_size());
      widen(memory, layout_, t.head, lowest, highest, wide.data(),
            wide.data() + layout_.keys_size());
      keys = wide.data();
      values = wide.data() + layout_.keys_size();
    } else {
      keys = memory.data() + layout_.keys(t.head);
      values = memory.data() + layout_.values(t.head);
    }
    table().attend_block({q, t.rows, layout_.key_dim, layout_.value_panels(), keys, values, lowest,
                          highest, from, to, scale_, soft_cap_},
                         part.out.data(), part.max, part.sum);
  }

  void merge(const Tile& t, const Part& part, Part& total) const {
    table().attend_merge(part.out.data(), part.max, part.sum, t.rows, layout_.value_panels(),
                         total.out.data(), total.max, total.sum);
  }

  void finish(const Tile& t, const Part& total) const {
    for (int r = 0; r < t.rows; r++) {
      float share = 1, sum = total.sum[r];
      if (t.sinks) {
        const float sink = t.sinks[place(t, r) % heads_], top = std::max(sink, total.max[r]);
        share = std::exp(total.max[r] - top);
        sum = sum * share + std::exp(sink - top);
      }
      float* y = t.y + place(t, r) * layout_.value_dim;
      for (int d = 0; d < layout_.value_dim; d++) {
        y[d] = total.out[(d / kLanes * t.rows + r) * kLanes + d % kLanes] * share / sum;
      }
    }
  }

  void whole(const Tile& t) const {
    const std::vector<float> q = queries(t);
    Part total(layout_), part(layout_);
    for (int64_t b = first_block(t); b < end_block(t); b++) {
      part.clear();
      block(t, q.data(), b, part);
      merge(t, part, total);
    }
    finish(t, total);
  }

  // Few tiles with many blocks: the blocks are shared out, their results merged in order.
  void split(const std::vector<Tile>& tiles, int64_t most_blocks) const {
    std::vector<std::vector<float>> q;
    q.reserve(tiles.size());
    for (const Tile& t : tiles) q.push_back(queries(t));
    std::vector<Part> parts(tiles.size() * most_blocks, Part(layout_));
    parallel(static_cast<int64_t>(parts.size()), 1, [&](int64_t begin, int64_t end, int) {
      for (int64_t i = begin; i < end; i++) {
        const Tile& t = tiles[i / most_blocks];
        const int64_t b = first_block(t) + i % most_blocks;
        if (b < end_block(t)) block(t, q[i / most_blocks].data(), b, parts[i]);
      }
    });
    for (size_t i = 0; i < tiles.size(); i++) {
      Part total(layout_);
      for (int64_t b = 0; b < most_blocks; b++) merge(tiles[i], parts[i * most_blocks + b], total);
      finish(tiles[i], total);
    }
  }

  KvLayout layout_;
  float scale_, soft_cap_;
  int window_;
  int heads_, group_;
  bool causal_;
};

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
  if (gpu::in_use()) {
    if (options.sinks) {
      throw fail(ErrorCode::unsupported,
                 "kernels: attention with sinks on a GPU, expected none; use --device cpu");
    }
    return gpu::attend(q, k, v, rows, options);
  }
  const KvLayout layout(rows[0].state->spec());
  std::vector<KvAppend> plans;
  for (const AttendRow& row : rows) plans.push_back(append(*row.state, row.length));
  const int heads = q.shape(1);
  mx::Shape shape{q.shape(0), heads, layout.value_dim};
  std::vector<array> inputs{as_float(q), as_float(k), as_float(v)};
  if (options.sinks) {
    if (options.sinks->ndim() != 1 || options.sinks->shape(0) != heads) {
      throw fail(ErrorCode::invalid_argument, "kernels: attend, expected {} sinks, found {}", heads,
                 options.sinks->size());
    }
    inputs.push_back(as_float(*options.sinks));
  }
  return host_op("attend", std::move(inputs), std::move(shape), mx::float32,
                 [plans = std::move(plans), attention = Attention(layout, options, heads, true)](
                     auto in, auto out) { attention.run(plans, in, out[0]); });
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
  for (const int length : lengths) {
    if (length < 1) {
      throw fail(ErrorCode::invalid_argument, "kernels: attend_all, a row of {} tokens", length);
    }
    total += length;
  }
  if (total != q.shape(0)) {
    throw fail(ErrorCode::invalid_argument, "kernels: attend_all, rows of {} tokens, q has {}",
               total, q.shape(0));
  }
  if (gpu::in_use()) return gpu::attend_all(q, k, v, lengths, scale);
  const int heads = q.shape(1), value_dim = v.shape(2);
  const KvSpec spec{k.shape(1), k.shape(2), value_dim};
  std::vector<KvAppend> plans;
  for (const int length : lengths) {
    KvState state(spec);
    plans.push_back(append(state, length));
  }
  return host_op("attend_all", {as_float(q), as_float(k), as_float(v)},
                 {q.shape(0), heads, value_dim}, mx::float32,
                 [plans = std::move(plans),
                  attention = Attention(KvLayout(spec), {.scale = scale}, heads, false)](
                     auto in, auto out) { attention.run(plans, in, out[0]); });
}

}  // namespace ominix::kernels
