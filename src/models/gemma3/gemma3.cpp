#include <cmath>
#include <nlohmann/json.hpp>

#include "base/log.h"
#include "mlx/ops.h"
#include "models/family.h"
#include "models/gemma3/model.h"
#include "models/shared/gguf_text.h"

namespace mx = mlx::core;

namespace ominix::models::gemma3 {
namespace {

constexpr auto kOnePlus = nn::NormWeight::one_plus;

}  // namespace

Config::Config(ConfigReader& r) {
  shared::read_decoder(r, *this,
                       {.rope_theta = 1e6f, .max_position_embeddings = 131072, .head_dim = 256});
  r.check(tie_word_embeddings.value_or(true), "'tie_word_embeddings' is false, expected true");
  std::string activation = "gelu_pytorch_tanh";
  r.optional("hidden_activation", activation);
  r.check(activation == "gelu_pytorch_tanh",
          "'hidden_activation' is not gelu_pytorch_tanh, which is all that this family has");
  r.optional("query_pre_attn_scalar", query_pre_attn_scalar);
  float attention_cap = 0;
  r.optional("attn_logit_softcapping", attention_cap);
  r.check(attention_cap == 0,
          "'attn_logit_softcapping' is set, which the reference does not apply either");
  r.optional("final_logit_softcapping", final_logit_softcapping);
  r.check(query_pre_attn_scalar > 0 && final_logit_softcapping >= 0,
          "'query_pre_attn_scalar' and 'final_logit_softcapping' must not be negative");
  r.ignore({"attention_bias", "use_bidirectional_attention", "cache_implementation"});
  bool flag = false;
  if (r.optional("attention_bias", flag))
    r.check(!flag, "'attention_bias' is true, which this family does not have");
  flag = false;
  if (r.optional("use_bidirectional_attention", flag))
    r.check(!flag, "'use_bidirectional_attention' is true, which this family does not have");

  int window = 4096, pattern = 6;
  r.optional("sliding_window", window);
  r.size("sliding_window", window);
  if (!r.optional("sliding_window_pattern", pattern))
    r.optional("_sliding_window_pattern", pattern);
  r.ignore({"_sliding_window_pattern"});
  r.check(pattern >= 1, "'sliding_window_pattern' must be 1 or more");
  windows = shared::read_windows(r, num_hidden_layers, window, 0);
  if (!r.has("layer_types")) {
    for (int i = pattern - 1; i < num_hidden_layers; i += pattern)
      windows[static_cast<size_t>(i)] = 0;
  }

  local_rope = {.width = rope.width, .theta = 10000.0f, .max_positions = rope.max_positions};
  r.optional("rope_local_base_freq", local_rope.theta);
  if (const Json* parameters = r.raw("rope_parameters");
      parameters && parameters->contains("sliding_attention")) {
    ConfigReader local((*parameters)["sliding_attention"], r.where() + ": rope_parameters");
    local.optional("rope_theta", local_rope.theta);
    std::string type = "default";
    local.optional("rope_type", type);
    local.check(type == "default", "the rope of sliding layers is scaled, expected the default");
  }
  r.check(local_rope.theta > 0, "'rope_local_base_freq' must be more than 0");
}

Mlp::Mlp(const Config& c, const weights::Scope& w)
    : gate_up_proj_(w, c.hidden_size,
                    {{{"gate_proj", c.intermediate_size}, {"up_proj", c.intermediate_size}}}),
      down_proj_(w / "down_proj", c.intermediate_size, c.hidden_size) {}

array Mlp::operator()(const array& x) const {
  const auto [gate, up] = gate_up_proj_(x);
  return down_proj_(mx::multiply(kernels::gelu_tanh(gate), up));
}

Layer::Layer(const Config& c, const weights::Scope& w, int layer)
    : layer_(layer),
      input_layernorm_(w / "input_layernorm", c.hidden_size, c.rms_norm_eps, kOnePlus),
      post_attention_layernorm_(w / "post_attention_layernorm", c.hidden_size, c.rms_norm_eps,
                                kOnePlus),
      pre_feedforward_layernorm_(w / "pre_feedforward_layernorm", c.hidden_size, c.rms_norm_eps,
                                 kOnePlus),
      post_feedforward_layernorm_(w / "post_feedforward_layernorm", c.hidden_size, c.rms_norm_eps,
                                  kOnePlus),
      self_attn_(c, w / "self_attn", layer,
                 {.qk_norm = true,
                  .norm_weight = kOnePlus,
                  .window = c.windows[static_cast<size_t>(layer)],
                  .scale = 1.0f / std::sqrt(c.query_pre_attn_scalar)}),
      mlp_(c, w / "mlp") {}

array Layer::operator()(const array& x, const nn::Rope& rope, nn::Pass& pass) const {
  const array attn = self_attn_(input_layernorm_(x), rope, pass);
  pass.tap(layer_, "attn", attn);
  const auto [h, normed] = pre_feedforward_layernorm_.add(x, post_attention_layernorm_(attn));
  const array mlp = mlp_(normed);
  pass.tap(layer_, "mlp", mlp);
  const array out = mx::add(h, post_feedforward_layernorm_(mlp));
  pass.tap(layer_, "", out);
  return out;
}

Model::Model(const Config& c, const weights::Scope& w)
    : config_(c),
      rope_(c.rope, kernels::RopePairs::half),
      local_rope_(c.local_rope, kernels::RopePairs::half),
      embed_tokens_(w / "model" / "embed_tokens", c.vocab_size, c.hidden_size),
      norm_(w / "model" / "norm", c.hidden_size, c.rms_norm_eps, kOnePlus) {
  for (int i = 0; i < c.num_hidden_layers; ++i)
    layers_.emplace_back(c, w / "model" / "layers" / i, i);
}

TextInfo Model::info() const {
  return {config_.vocab_size, config_.rope.max_positions, rope_.by_length()};
}

std::vector<kernels::KvSpec> Model::state_spec() const {
  std::vector<kernels::KvSpec> out;
  for (const Layer& layer : layers_) out.push_back(layer.kv_spec());
  return out;
}

array Model::forward(const array& ids, nn::Pass& pass) const {
  const float scale = std::sqrt(static_cast<float>(config_.hidden_size));
  array x = mx::multiply(embed_tokens_(ids), array(scale));
  pass.tap("embed", x);
  for (size_t i = 0; i < layers_.size(); ++i)
    x = layers_[i](x, config_.windows[i] > 0 ? local_rope_ : rope_, pass);
  x = norm_(x);
  pass.tap("norm", x);
  return x;
}

array Model::logits(const array& hidden) const {
  const array out = embed_tokens_.as_linear(hidden);
  const float cap = config_.final_logit_softcapping;
  if (cap == 0.0f) return out;
  return mx::multiply(mx::tanh(mx::divide(out, array(cap))), array(cap));
}

namespace {

// Files with a vision part keep the text model's configuration in a block of its own.
std::unique_ptr<TextModel> load(ConfigReader& r, const weights::Scope& w) {
  const Json* text = r.raw("text_config");
  if (!text) return std::make_unique<Model>(Config(r), w);
  r.ignore({"vision_config", "boi_token_index", "eoi_token_index", "image_token_index",
            "mm_tokens_per_image"});
  ConfigReader inner(*text, r.where() + ": text_config");
  auto model = std::make_unique<Model>(Config(inner), w);
  for (const std::string& key : inner.unread())
    log::warning("{}: '{}' is not used by this family", inner.where(), key);
  return model;
}

weights::Rules rules(const Json& config) {
  using weights::drop;
  using weights::rename;
  return shared::joined({{rename("language_model.model.*", "model.*"),
                          rename("language_model.lm_head.*", "lm_head.*"),
                          rename("model.language_model.*", "model.*"), drop("vision_tower.*"),
                          drop("model.vision_tower.*"), drop("multi_modal_projector.*"),
                          drop("model.multi_modal_projector.*"), drop("lm_head.*")},
                         shared::text_rules(config)});
}

Json gguf_config(const formats::Gguf& file) {
  Json c = shared::gguf_text_config(file, "gemma3_text");
  const shared::GgufMeta meta(file);
  if (const auto n = meta.integer("attention.sliding_window")) c["sliding_window"] = *n;
  // The 27B model alone has another scale than its heads'.
  const int64_t heads = meta.require("attention.head_count");
  const int64_t width = meta.integer("attention.key_length").value_or(256);
  constexpr int64_t kLayersOf27B = 62;
  c["query_pre_attn_scalar"] = meta.require("block_count") == kLayersOf27B && heads > 0
                                   ? meta.require("embedding_length") / heads
                                   : width;
  return c;
}

weights::Rules gguf_rules(const Json&) {
  using weights::rename;
  const std::string layer = "model.layers.*.";
  return shared::joined(
      {{rename("blk.*.post_attention_norm.*", layer + "post_attention_layernorm.*"),
        rename("blk.*.ffn_norm.*", layer + "pre_feedforward_layernorm.*"),
        rename("blk.*.post_ffw_norm.*", layer + "post_feedforward_layernorm.*")},
       shared::gguf_text_rules(),
       // These files hold 1 + w.
       {weights::add_to_values("*norm.weight", -1.0f)}});
}

}  // namespace

Family family() {
  return {.name = "gemma3",
          .model_types = {"gemma3_text", "gemma3"},
          .load_text = load,
          .rules = rules,
          .gguf = Family::GgufForm{{"gemma3"}, gguf_config, gguf_rules}};
}

}  // namespace ominix::models::gemma3
