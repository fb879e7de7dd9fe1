#include "models/shared/decoder.h"

#include <cmath>

#include "mlx/ops.h"

namespace mx = mlx::core;

namespace ominix::models::shared {

Attention::Attention(const DecoderConfig& c, const weights::Scope& w, int layer,
                     const AttentionOptions& options)
    : layer_(layer),
      heads_(c.num_attention_heads),
      kv_heads_(c.num_key_value_heads),
      head_dim_(c.head_dim),
      attend_{.scale = options.scale > 0 ? options.scale
                                         : 1.0f / std::sqrt(static_cast<float>(c.head_dim)),
              .window = options.window},
      qkv_proj_(w, c.hidden_size,
                {{{"q_proj", heads_ * head_dim_},
                  {"k_proj", kv_heads_ * head_dim_},
                  {"v_proj", kv_heads_ * head_dim_}}},
                options.qkv_bias),
      o_proj_(w / "o_proj", heads_ * head_dim_, c.hidden_size, options.o_bias) {
  if (options.qk_norm) {
    q_norm_.emplace(w / "q_norm", head_dim_, c.rms_norm_eps, options.norm_weight);
    k_norm_.emplace(w / "k_norm", head_dim_, c.rms_norm_eps, options.norm_weight);
  }
}

array Attention::operator()(const array& x, const nn::Rope& rope, nn::Pass& pass) const {
  auto [q, k, v] = qkv_proj_(x);
  const int T = x.shape(0);
  q = mx::reshape(q, {T, heads_, head_dim_});
  k = mx::reshape(k, {T, kv_heads_, head_dim_});
  v = mx::reshape(v, {T, kv_heads_, head_dim_});
  if (q_norm_) {
    q = (*q_norm_)(q);
    k = (*k_norm_)(k);
  }
  q = pass.rope(rope, q);
  k = pass.rope(rope, k);
  return o_proj_(pass.attend(layer_, q, k, v, attend_));
}

SwiGlu::SwiGlu(const weights::Scope& w, int64_t hidden, int64_t inner, bool bias)
    : gate_up_proj_(w, hidden, {{{"gate_proj", inner}, {"up_proj", inner}}}, bias),
      down_proj_(w / "down_proj", inner, hidden, bias) {}

array SwiGlu::operator()(const array& x) const {
  const auto [gate, up] = gate_up_proj_(x);
  return down_proj_(kernels::swiglu(gate, up));
}

array sum(const array& a, const array& b) { return mx::add(a, b); }

}  // namespace ominix::models::shared
