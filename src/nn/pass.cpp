#include "nn/pass.h"

#include <fmt/format.h>

#include "mlx/ops.h"
#include "nn/rope.h"

namespace mx = mlx::core;

namespace ominix::nn {

Pass::Pass(std::vector<Row> rows, Tap tap) : rows_(std::move(rows)), tap_(std::move(tap)) {
  for (const Row& row : rows_) tokens_ += row.length;
}

array Pass::rope(const Rope& rope, const array& x) {
  auto found = tables_.find(&rope);
  if (found == tables_.end()) {
    const int n = rope.width() / 2;
    std::vector<float> cos(static_cast<size_t>(tokens_) * n), sin(cos.size());
    size_t at = 0;
    for (const Row& row : rows_) {
      const auto count = static_cast<size_t>(row.length) * n;
      rope.table(row.position, row.length, row.rope_length, {&cos[at], count}, {&sin[at], count});
      at += count;
    }
    found = tables_
                .emplace(&rope,
                         Tables{array(cos.data(), {tokens_, n}), array(sin.data(), {tokens_, n})})
                .first;
  }
  return kernels::rope(x, found->second.cos, found->second.sin, rope.pairs());
}

array Pass::attend(int layer, const array& q, const array& k, const array& v,
                   const kernels::AttendOptions& options) {
  std::vector<kernels::AttendRow> rows;
  rows.reserve(rows_.size());
  for (const Row& row : rows_) {
    rows.push_back({&row.states->at(static_cast<size_t>(layer)), row.length});
  }
  return mx::flatten(kernels::attend(q, k, v, rows, options), 1, 2);
}

void Pass::tap(int layer, std::string_view name, const array& value) const {
  if (tap_) tap_(fmt::format("layers.{}{}{}", layer, name.empty() ? "" : ".", name), value);
}

}  // namespace ominix::nn
