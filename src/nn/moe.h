#pragma once

#include <optional>

#include "kernels/kernels.h"
#include "mlx/array.h"
#include "weights/scope.h"

// Mixtures of experts: a router scores, a rule chooses k experts for each token and weighs them,
// and only those experts' weights are read.
namespace ominix::nn {

using mlx::core::array;

// Which experts a token meets, and with what weight. Both (T, k): int32 and float32.
struct Routes {
  array ids, weights;
};

// Softmax over all experts, the k largest; divided by their sum where `renormalize`.
// logits (T, E)
Routes route_softmax(const array& logits, int k, bool renormalize);

// DeepSeek-V3's rule (arXiv 2412.19437): sigmoid scores; the choice goes by score + bias, weights
// by the score alone, divided by their sum where `renormalize`, times `scale`. With groups > 1 the
// experts stand in that many equal groups, and only the `kept_groups` whose two best sum highest
// take part.
struct SigmoidRouting {
  int k = 1;
  int groups = 1, kept_groups = 1;
  bool renormalize = true;
  float scale = 1.0f;
};
// logits (T, E), bias (E)
Routes route_sigmoid(const array& logits, const array& bias, const SigmoidRouting& routing);

// Experts down(silu(gate(x)) · up(x)), named `w`.gate_proj.0 … and so on.
class SwiGluExperts {
 public:
  SwiGluExperts(const weights::Scope& w, int count, int64_t hidden, int64_t inner);
  // x (T, D) -> Σ over the chosen experts of weight · expert(x), (T, D)
  array operator()(const array& x, const Routes& routes) const;

 private:
  // Gate and up of an expert as one matrix where their encodings allow it.
  std::optional<kernels::Experts> gate_up_proj_, gate_proj_, up_proj_, down_proj_;
};

}  // namespace ominix::nn
