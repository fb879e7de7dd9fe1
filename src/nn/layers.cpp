#include "nn/layers.h"

#include <algorithm>
#include <iterator>

#include "mlx/ops.h"

namespace mx = mlx::core;

namespace ominix::nn {

Linear::Linear(const weights::Scope& w, int64_t in, int64_t out, bool bias)
    : weight_(w.matrix(out, in)) {
  if (bias) bias_ = w.tensor("bias", {out});
}

JoinedLinear::JoinedLinear(const weights::Scope& w, int64_t in, std::span<const JoinedPart> parts,
                           bool bias) {
  // Neighbours with one encoding become one product.
  std::vector<kernels::MatrixSource> sources;
  std::vector<array> biases;
  std::vector<int> widths;
  const auto close_group = [&] {
    if (sources.empty()) return;
    Group group{w.pack(weights::join_rows(std::move(sources))), std::nullopt, std::move(widths)};
    if (bias) {
      group.bias = mx::concatenate(biases);
      group.bias->eval();
    }
    groups_.push_back(std::move(group));
    sources.clear(), biases.clear(), widths.clear();
  };
  for (const JoinedPart& part : parts) {
    const weights::Scope scope = w / part.name;
    auto source = scope.matrix_source(part.out, in);
    std::optional<array> b;
    if (bias) b = scope.tensor("bias", {part.out});
    if (source && !sources.empty() && !weights::can_join(sources.front(), *source)) close_group();
    if (!source) continue;  // reported; the loader's finish() throws
    widths.push_back(static_cast<int>(part.out));
    sources.push_back(std::move(*source));
    if (b) biases.push_back(std::move(*b));
  }
  close_group();
}

std::vector<array> JoinedLinear::operator()(const array& x) const {
  std::vector<array> out;
  for (const Group& group : groups_) {
    std::ranges::move(kernels::linear_parts(x, group.weight, group.bias, group.widths),
                      std::back_inserter(out));
  }
  return out;
}

Embedding::Embedding(const weights::Scope& w, int64_t count, int64_t width)
    : weight_(w.matrix(count, width)) {}

RmsNorm::RmsNorm(const weights::Scope& w, int64_t width, float eps, NormWeight kind)
    : weight_(w.tensor("weight", {width})), eps_(eps) {
  if (kind == NormWeight::one_plus) {
    weight_ = mx::add(weight_, array(1.0f));
    weight_.eval();
  }
}

}  // namespace ominix::nn
