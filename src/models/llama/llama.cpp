#include <cmath>
#include <nlohmann/json.hpp>

#include "mlx/ops.h"
#include "models/family.h"
#include "models/llama/model.h"
#include "models/shared/gguf_text.h"
#include "models/shared/rope_config.h"

namespace mx = mlx::core;

namespace ominix::models::llama {

Config::Config(ConfigReader& r) {
  r.require("vocab_size", vocab_size);
  r.require("hidden_size", hidden_size);
  r.require("intermediate_size", intermediate_size);
  r.require("num_hidden_layers", num_hidden_layers);
  r.require("num_attention_heads", num_attention_heads);
  if (!r.optional("num_key_value_heads", num_key_value_heads))
    num_key_value_heads = num_attention_heads;
  r.size("vocab_size", vocab_size);
  r.size("hidden_size", hidden_size);
  r.size("intermediate_size", intermediate_size);
  r.size("num_attention_heads", num_attention_heads);
  r.size("num_key_value_heads", num_key_value_heads);
  r.check(num_hidden_layers >= 1 && num_hidden_layers <= 1024,
          "'num_hidden_layers' must be 1 to 1024");
  r.check(num_attention_heads % num_key_value_heads == 0,
          "'num_attention_heads' must be a multiple of 'num_key_value_heads'");
  if (!r.optional("head_dim", head_dim)) {
    r.check(hidden_size % num_attention_heads == 0,
            "'hidden_size' must be a multiple of 'num_attention_heads' where 'head_dim' is absent");
    head_dim = hidden_size / num_attention_heads;
  }
  r.size("head_dim", head_dim);
  r.optional("rms_norm_eps", rms_norm_eps);
  r.optional("attention_bias", attention_bias);
  r.optional("mlp_bias", mlp_bias);
  bool tied = false;
  if (r.optional("tie_word_embeddings", tied)) tie_word_embeddings = tied;
  rope = shared::read_rope(r, head_dim, 10000.0f, 2048);
  std::string act = "silu";
  r.optional("hidden_act", act);
  r.check(act == "silu", "'hidden_act' is not silu, which is all that this family has");
}

Attention::Attention(const Config& c, const weights::Scope& w, int layer)
    : layer_(layer),
      heads_(c.num_attention_heads),
      kv_heads_(c.num_key_value_heads),
      head_dim_(c.head_dim),
      qkv_proj_(w, c.hidden_size,
                {{{"q_proj", heads_ * head_dim_},
                  {"k_proj", kv_heads_ * head_dim_},
                  {"v_proj", kv_heads_ * head_dim_}}},
                c.attention_bias),
      o_proj_(w / "o_proj", heads_ * head_dim_, c.hidden_size, c.attention_bias) {}

array Attention::operator()(const array& x, const nn::Rope& rope, nn::Pass& pass) const {
  auto [q, k, v] = qkv_proj_(x);
  const int T = x.shape(0);
  q = pass.rope(rope, mx::reshape(q, {T, heads_, head_dim_}));
  k = pass.rope(rope, mx::reshape(k, {T, kv_heads_, head_dim_}));
  v = mx::reshape(v, {T, kv_heads_, head_dim_});
  const float scale = 1.0f / std::sqrt(static_cast<float>(head_dim_));
  return o_proj_(pass.attend(layer_, q, k, v, {.scale = scale}));
}

Mlp::Mlp(const Config& c, const weights::Scope& w)
    : gate_up_proj_(w, c.hidden_size,
                    {{{"gate_proj", c.intermediate_size}, {"up_proj", c.intermediate_size}}},
                    c.mlp_bias),
      down_proj_(w / "down_proj", c.intermediate_size, c.hidden_size, c.mlp_bias) {}

array Mlp::operator()(const array& x) const {
  const auto [gate, up] = gate_up_proj_(x);
  return down_proj_(kernels::swiglu(gate, up));
}

Layer::Layer(const Config& c, const weights::Scope& w, int layer)
    : layer_(layer),
      input_layernorm_(w / "input_layernorm", c.hidden_size, c.rms_norm_eps),
      post_attention_layernorm_(w / "post_attention_layernorm", c.hidden_size, c.rms_norm_eps),
      self_attn_(c, w / "self_attn", layer),
      mlp_(c, w / "mlp") {}

array Layer::operator()(const array& x, const nn::Rope& rope, nn::Pass& pass) const {
  const array attn = self_attn_(input_layernorm_(x), rope, pass);
  pass.tap(layer_, "attn", attn);
  const auto [h, normed] = post_attention_layernorm_.add(x, attn);
  const array mlp = mlp_(normed);
  pass.tap(layer_, "mlp", mlp);
  const array out = mx::add(h, mlp);
  pass.tap(layer_, "", out);
  return out;
}

Model::Model(const Config& c, const weights::Scope& w)
    : config_(c),
      rope_(c.rope, kernels::RopePairs::half),
      embed_tokens_(w / "model" / "embed_tokens", c.vocab_size, c.hidden_size),
      norm_(w / "model" / "norm", c.hidden_size, c.rms_norm_eps) {
  for (int i = 0; i < c.num_hidden_layers; ++i)
    layers_.emplace_back(c, w / "model" / "layers" / i, i);
  const weights::Scope head = w / "lm_head";
  // A head in the file decides where the config is silent; tied means that none is needed.
  if (!c.tie_word_embeddings.value_or(!head.has("weight"))) {
    lm_head_.emplace(head, c.hidden_size, c.vocab_size);
  }
}

TextInfo Model::info() const { return {config_.vocab_size, config_.rope.max_positions}; }

std::vector<kernels::KvSpec> Model::state_spec() const {
  return std::vector<kernels::KvSpec>(
      layers_.size(), {config_.num_key_value_heads, config_.head_dim, config_.head_dim});
}

array Model::forward(const array& ids, nn::Pass& pass) const {
  array x = embed_tokens_(ids);
  pass.tap("embed", x);
  for (const Layer& layer : layers_) x = layer(x, rope_, pass);
  x = norm_(x);
  pass.tap("norm", x);
  return x;
}

array Model::logits(const array& hidden) const {
  return lm_head_ ? (*lm_head_)(hidden) : embed_tokens_.as_linear(hidden);
}

namespace {

std::unique_ptr<TextModel> load(ConfigReader& r, const weights::Scope& w) {
  return std::make_unique<Model>(Config(r), w);
}

weights::Rules rules(const Json& config) {
  weights::Rules out = {weights::drop("*.rotary_emb.inv_freq")};
  // A stray head of a tied model is a copy of the embedding.
  if (shared::is_tied(config)) out.push_back(weights::drop("lm_head.*"));
  return out;
}

// llama.cpp stores the q and k rows of a head as pairs (2i, 2i + 1) where the reference has (i, i +
// d/2).
weights::Rules gguf_rules(const Json& config) {
  weights::Rules out = shared::gguf_text_rules();
  const int head_dim = shared::head_dim_of(config);
  const auto half_from_pairs = [head_dim](int64_t row, int64_t) {
    const int64_t head = row / head_dim, at = row % head_dim, half = head_dim / 2;
    return head * head_dim + 2 * (at % half) + at / half;
  };
  for (const char* name : {"*.self_attn.q_proj.*", "*.self_attn.k_proj.*"}) {
    out.push_back(weights::reorder_rows(name, half_from_pairs));
  }
  return out;
}

Json gguf_config(const formats::Gguf& file) { return shared::gguf_text_config(file, "llama"); }

}  // namespace

Family family() {
  return {.name = "llama",
          .model_types = {"llama"},
          .load_text = load,
          .rules = rules,
          .gguf = Family::GgufForm{{"llama"}, gguf_config, gguf_rules}};
}

}  // namespace ominix::models::llama
