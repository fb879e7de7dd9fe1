#include <nlohmann/json.hpp>

#include "mlx/ops.h"
#include "models/family.h"
#include "models/glm4/model.h"
#include "models/shared/gguf_text.h"

namespace mx = mlx::core;

namespace ominix::models::glm4 {

Config::Config(ConfigReader& r) {
  rms_norm_eps = 1.5625e-7f;
  shared::read_decoder(r, *this,
                       {.rope_theta = 10000.0f,
                        .max_position_embeddings = 131072,
                        .head_dim = 128,
                        .partial_rotary_factor = 0.5f});
  r.optional("attention_bias", attention_bias);
}

Mlp::Mlp(const Config& c, const weights::Scope& w)
    : gate_up_proj_(w / "gate_up_proj", c.hidden_size, 2 * int64_t{c.intermediate_size}),
      down_proj_(w / "down_proj", c.intermediate_size, c.hidden_size) {}

array Mlp::operator()(const array& x) const {
  const auto gate_up = mx::split(gate_up_proj_(x), 2, -1);
  return down_proj_(kernels::swiglu(gate_up[0], gate_up[1]));
}

Layer::Layer(const Config& c, const weights::Scope& w, int layer)
    : layer_(layer),
      input_layernorm_(w / "input_layernorm", c.hidden_size, c.rms_norm_eps),
      post_self_attn_layernorm_(w / "post_self_attn_layernorm", c.hidden_size, c.rms_norm_eps),
      post_attention_layernorm_(w / "post_attention_layernorm", c.hidden_size, c.rms_norm_eps),
      post_mlp_layernorm_(w / "post_mlp_layernorm", c.hidden_size, c.rms_norm_eps),
      self_attn_(c, w / "self_attn", layer, {.qkv_bias = c.attention_bias}),
      mlp_(c, w / "mlp") {}

array Layer::operator()(const array& x, const nn::Rope& rope, nn::Pass& pass) const {
  const array attn = self_attn_(input_layernorm_(x), rope, pass);
  pass.tap(layer_, "attn", attn);
  const auto [h, normed] = post_attention_layernorm_.add(x, post_self_attn_layernorm_(attn));
  const array mlp = mlp_(normed);
  pass.tap(layer_, "mlp", mlp);
  const array out = mx::add(h, post_mlp_layernorm_(mlp));
  pass.tap(layer_, "", out);
  return out;
}

Model::Model(const Config& c, const weights::Scope& w)
    : Decoder(c, w, kernels::RopePairs::interleaved,
              [&c](const weights::Scope& layer, int i) { return Layer(c, layer, i); }) {}

namespace {

std::unique_ptr<TextModel> load(ConfigReader& r, const weights::Scope& w) {
  return std::make_unique<Model>(Config(r), w);
}

Json gguf_config(const formats::Gguf& file) {
  Json c = shared::gguf_text_config(file, "glm4");
  c["attention_bias"] = file.find("blk.0.attn_q.bias") != nullptr;
  return c;
}

weights::Rules gguf_rules(const Json&) {
  using weights::rename;
  return shared::joined(
      {{rename("blk.*.ffn_up.*", "model.layers.*.mlp.gate_up_proj.*"),
        rename("blk.*.post_attention_norm.*", "model.layers.*.post_self_attn_layernorm.*"),
        rename("blk.*.post_ffw_norm.*", "model.layers.*.post_mlp_layernorm.*")},
       shared::gguf_text_rules()});
}

}  // namespace

Family family() {
  return {.name = "glm4",
          .model_types = {"glm4"},
          .load_text = load,
          .rules = shared::text_rules,
          .gguf = Family::GgufForm{{"glm4"}, gguf_config, gguf_rules}};
}

}  // namespace ominix::models::glm4
