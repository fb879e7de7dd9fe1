#include "nn/moe.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>
#include <span>
#include <vector>

#include "base/error.h"
#include "kernels/device.h"
#include "kernels/host_op.h"
#include "mlx/ops.h"

namespace mx = mlx::core;

namespace ominix::nn {
namespace {

// The indices of the k largest, largest first; the lower index among equals.
void largest(std::span<const float> values, int k, std::vector<int>& order) {
  order.resize(values.size());
  std::iota(order.begin(), order.end(), 0);
  std::partial_sort(order.begin(), order.begin() + k, order.end(), [&](int a, int b) {
    const float x = values[static_cast<size_t>(a)], y = values[static_cast<size_t>(b)];
    return x != y ? x > y : a < b;
  });
  order.resize(static_cast<size_t>(k));
}

// Calls rule(logits of a token, its ids, its weights) for each token.
template <class Rule>
Routes route(const char* name, std::vector<array> inputs, int k, Rule rule) {
  const array& logits = inputs[0];
  const int tokens = logits.shape(0), experts = logits.shape(1);
  if (k < 1 || k > experts) {
    throw fail(ErrorCode::invalid_argument, "nn: {} of {} experts a token, expected 1 to {}", k,
               experts, experts);
  }
  inputs[0] = kernels::as_float(logits);
  auto out = kernels::host_op(
      name, std::move(inputs), {{tokens, k}, {tokens, k}}, {mx::int32, mx::float32},
      [=](std::span<const void* const> in, std::span<void* const> to) {
        const auto width = static_cast<size_t>(experts), chosen = static_cast<size_t>(k);
        for (size_t t = 0; t < static_cast<size_t>(tokens); ++t) {
          rule(std::span(static_cast<const float*>(in[0]) + t * width, width), in,
               std::span(static_cast<int32_t*>(to[0]) + t * chosen, chosen),
               std::span(static_cast<float*>(to[1]) + t * chosen, chosen));
        }
      });
  return {out[0], out[1]};
}

// `added`: what the reference adds to the sum, so that it is never zero.
void divide_by_sum(std::span<float> weights, float added) {
  const float sum = std::accumulate(weights.begin(), weights.end(), 0.0f) + added;
  for (float& w : weights) w /= sum;
}

// Scores of the groups that are out become 0, as in the reference.
void keep_groups(std::vector<float>& scores, int groups, int kept) {
  const size_t size = scores.size() / static_cast<size_t>(groups);
  std::vector<float> sums;
  for (size_t g = 0; g < static_cast<size_t>(groups); ++g) {
    std::vector<float> group(scores.begin() + static_cast<std::ptrdiff_t>(g * size),
                             scores.begin() + static_cast<std::ptrdiff_t>((g + 1) * size));
    std::partial_sort(group.begin(),
                      group.begin() + std::min<std::ptrdiff_t>(2, group.end() - group.begin()),
                      group.end(), std::greater());
    sums.push_back(group[0] + (size > 1 ? group[1] : 0.0f));
  }
  std::vector<int> order;
  largest(sums, kept, order);
  for (size_t i = 0; i < scores.size(); ++i) {
    if (std::ranges::find(order, static_cast<int>(i / size)) == order.end()) scores[i] = 0;
  }
}

}  // namespace

Routes route_softmax(const array& logits, int k, bool renormalize) {
  return route("route_softmax", {logits}, k,
               [=](std::span<const float> x, auto, std::span<int32_t> ids, std::span<float> w) {
                 std::vector<int> order;
                 largest(x, k, order);
                 const float most = x[static_cast<size_t>(order[0])];
                 float sum = 0;
                 for (const float v : x) sum += std::exp(v - most);
                 for (size_t j = 0; j < ids.size(); ++j) {
                   ids[j] = order[j];
                   w[j] = std::exp(x[static_cast<size_t>(order[j])] - most) / sum;
                 }
                 if (renormalize) divide_by_sum(w, 0);
               });
}

Routes route_sigmoid(const array& logits, const array& bias, const SigmoidRouting& r) {
  if (bias.shape() != mx::Shape{logits.shape(1)} || r.groups < 1 ||
      logits.shape(1) % r.groups != 0 || r.kept_groups < 1 || r.kept_groups > r.groups) {
    throw fail(ErrorCode::invalid_argument,
               "nn: {} experts in {} groups of which {} are kept, with a bias of {}",
               logits.shape(1), r.groups, r.kept_groups, bias.size());
  }
  return route("route_sigmoid", {logits, kernels::as_float(bias)}, r.k,
               [=](std::span<const float> x, auto in, std::span<int32_t> ids, std::span<float> w) {
                 const auto* b = static_cast<const float*>(in[1]);
                 std::vector<float> scores(x.size()), biased(x.size());
                 for (size_t e = 0; e < x.size(); ++e) {
                   scores[e] = 1 / (1 + std::exp(-x[e]));
                   biased[e] = scores[e] + b[e];
                 }
                 if (r.groups > 1) keep_groups(biased, r.groups, r.kept_groups);
                 std::vector<int> order;
                 largest(biased, r.k, order);
                 for (size_t j = 0; j < ids.size(); ++j) {
                   ids[j] = order[j];
                   w[j] = scores[static_cast<size_t>(order[j])];
                 }
                 if (r.renormalize) divide_by_sum(w, 1e-20f);
                 for (float& v : w) v *= r.scale;
               });
}

SwiGluExperts::SwiGluExperts(const weights::Scope& w, int count, int64_t hidden, int64_t inner) {
  if (kernels::on_gpu()) {
    throw Error(ErrorCode::unsupported,
                "nn: mixtures of experts run on the CPU only so far; use --device cpu");
  }
  std::vector<kernels::MatrixSource> gates, ups, downs;
  const auto collect = [&](const char* name, int64_t rows, int64_t cols,
                           std::vector<kernels::MatrixSource>& out) {
    for (int e = 0; e < count; ++e) {
      if (auto source = (w / name / e).matrix_source(rows, cols)) out.push_back(std::move(*source));
    }
    return static_cast<int>(out.size()) == count;
  };
  const bool complete = collect("gate_proj", inner, hidden, gates) &
                        collect("up_proj", inner, hidden, ups) &
                        collect("down_proj", hidden, inner, downs);
  if (!complete) return;  // reported; the loader's finish() throws
  const auto pack = [&](std::vector<kernels::MatrixSource> sources) {
    std::vector<kernels::Matrix> out;
    for (const auto& source : sources) out.push_back(w.pack(source));
    return kernels::Experts(std::move(out));
  };
  bool joins = true;
  for (size_t e = 0; e < gates.size(); ++e) joins = joins && weights::can_join(gates[e], ups[e]);
  if (joins) {
    for (size_t e = 0; e < gates.size(); ++e)
      gates[e] = weights::join_rows({std::move(gates[e]), std::move(ups[e])});
    gate_up_proj_ = pack(std::move(gates));
  } else {
    gate_proj_ = pack(std::move(gates));
    up_proj_ = pack(std::move(ups));
  }
  down_proj_ = pack(std::move(downs));
}

array SwiGluExperts::operator()(const array& x, const Routes& routes) const {
  const auto inner = [&] {
    if (!gate_up_proj_) {
      return kernels::swiglu(kernels::gather_linear(x, *gate_proj_, routes.ids),
                             kernels::gather_linear(x, *up_proj_, routes.ids));
    }
    const auto parts = mx::split(kernels::gather_linear(x, *gate_up_proj_, routes.ids), 2, -1);
    return kernels::swiglu(parts[0], parts[1]);
  }();
  const array out = kernels::gather_linear(inner, *down_proj_, routes.ids);  // (T, k, D)
  return mx::sum(mx::multiply(out, mx::expand_dims(routes.weights, -1)), -2);
}

}  // namespace ominix::nn
