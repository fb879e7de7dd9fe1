#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "models/family.h"
#include "models/glm4_moe/model.h"
#include "models/shared/experts.h"
#include "models/shared/gguf_text.h"

namespace ominix::models::glm4_moe {

Config::Config(ConfigReader& r) {
  rms_norm_eps = 1e-5f;
  shared::read_decoder(
      r, *this,
      {.rope_theta = 10000.0f, .max_position_embeddings = 131072, .partial_rotary_factor = 0.5f});
  r.optional("attention_bias", attention_bias);
  r.optional("use_qk_norm", use_qk_norm);
  r.optional("n_routed_experts", n_routed_experts);
  r.optional("n_shared_experts", n_shared_experts);
  r.optional("moe_intermediate_size", moe_intermediate_size);
  r.optional("first_k_dense_replace", first_k_dense_replace);
  routing.k = 8;
  r.optional("num_experts_per_tok", routing.k);
  r.optional("n_group", routing.groups);
  r.optional("topk_group", routing.kept_groups);
  r.optional("norm_topk_prob", routing.renormalize);
  r.optional("routed_scaling_factor", routing.scale);
  r.ignore({"num_nextn_predict_layers", "output_router_logits"});
  r.size("moe_intermediate_size", moe_intermediate_size);
  shared::check_experts(r, n_routed_experts, routing.k);
  r.check(n_shared_experts >= 0 && n_shared_experts <= 1024,
          "'n_shared_experts' must be 0 to 1024");
  r.check(routing.groups >= 1 && n_routed_experts % routing.groups == 0 &&
              routing.kept_groups >= 1 && routing.kept_groups <= routing.groups,
          "'n_routed_experts' must fill 'n_group' equal groups, and 'topk_group' be one of them");
}

SparseMlp::SparseMlp(const Config& c, const weights::Scope& w)
    : routing_(c.routing),
      gate_(w / "gate", c.hidden_size, c.n_routed_experts),
      e_score_correction_bias_(
          (w / "gate").tensor("e_score_correction_bias", {c.n_routed_experts})),
      switch_mlp_(w / "switch_mlp", c.n_routed_experts, c.hidden_size, c.moe_intermediate_size) {
  if (c.n_shared_experts > 0) {
    shared_experts_.emplace(w / "shared_experts", c.hidden_size,
                            int64_t{c.moe_intermediate_size} * c.n_shared_experts);
  }
}

array SparseMlp::operator()(const array& x) const {
  const array routed =
      switch_mlp_(x, nn::route_sigmoid(gate_(x), e_score_correction_bias_, routing_));
  return shared_experts_ ? shared::sum(routed, (*shared_experts_)(x)) : routed;
}

namespace {

Mlp make_mlp(const Config& c, const weights::Scope& w, bool sparse) {
  if (sparse) return {SparseMlp(c, w)};
  return {shared::SwiGlu(w, c.hidden_size, c.intermediate_size)};
}

}  // namespace

Model::Model(const Config& c, const weights::Scope& w)
    : Decoder(c, w, kernels::RopePairs::half, [&c](const weights::Scope& layer, int i) {
        return Layer(c, layer, i, {.qkv_bias = c.attention_bias, .qk_norm = c.use_qk_norm},
                     make_mlp(c, layer / "mlp", i >= c.first_k_dense_replace));
      }) {}

namespace {

std::unique_ptr<TextModel> load(ConfigReader& r, const weights::Scope& w) {
  return std::make_unique<Model>(Config(r), w);
}

int integer(const Json& config, const char* key) {
  const auto found = config.find(key);
  return found != config.end() && found->is_number_integer() ? found->get<int>() : 0;
}

// Layers behind the last predict further tokens; nothing here uses them.
weights::Rules without_prediction_layers(const Json& config) {
  const int layers = integer(config, "num_hidden_layers");
  weights::Rules out;
  for (int i = 0; i < std::min(integer(config, "num_nextn_predict_layers"), 16); ++i)
    out.push_back(weights::drop(fmt::format("model.layers.{}.*", layers + i)));
  return out;
}

weights::Rules rules(const Json& config) {
  return shared::joined(
      {without_prediction_layers(config), shared::text_rules(config), shared::expert_rules("mlp")});
}

Json gguf_config(const formats::Gguf& file) {
  Json c = shared::gguf_text_config(file, "glm4_moe");
  shared::gguf_experts(file, c, "n_routed_experts");
  const shared::GgufMeta meta(file);
  const int64_t predicting = meta.integer("nextn_predict_layers").value_or(0);
  c["num_nextn_predict_layers"] = predicting;
  c["num_hidden_layers"] = c["num_hidden_layers"].get<int64_t>() - predicting;
  c["first_k_dense_replace"] = meta.integer("leading_dense_block_count").value_or(1);
  c["n_shared_experts"] = meta.integer("expert_shared_count").value_or(1);
  c["n_group"] = meta.integer("expert_group_count").value_or(1);
  c["topk_group"] = meta.integer("expert_group_used_count").value_or(1);
  c["routed_scaling_factor"] = meta.number("expert_weights_scale").value_or(1.0);
  c["norm_topk_prob"] = meta.flag("expert_weights_norm").value_or(true);
  c["attention_bias"] = file.find("blk.0.attn_q.bias") != nullptr;
  c["use_qk_norm"] = file.find("blk.0.attn_q_norm.weight") != nullptr;
  return c;
}

weights::Rules gguf_rules(const Json& config) {
  using weights::rename;
  const std::string mlp = "model.layers.*.mlp.";
  return shared::joined(
      {{rename("blk.*.post_attention_norm.*", "model.layers.*.post_attention_layernorm.*"),
        rename("blk.*.ffn_gate_inp.*", mlp + "gate.*"),
        rename("blk.*.exp_probs_b.bias", mlp + "gate.e_score_correction_bias"),
        rename("blk.*.ffn_gate_shexp.*", mlp + "shared_experts.gate_proj.*"),
        rename("blk.*.ffn_up_shexp.*", mlp + "shared_experts.up_proj.*"),
        rename("blk.*.ffn_down_shexp.*", mlp + "shared_experts.down_proj.*"),
        rename("blk.*.nextn.*", "model.layers.*.nextn.*")},
       shared::expert_rules("mlp"),
       shared::gguf_text_rules(),
       without_prediction_layers(config)});
}

}  // namespace

Family family() {
  return {.name = "glm4_moe",
          .model_types = {"glm4_moe"},
          .load_text = load,
          .rules = rules,
          .gguf = Family::GgufForm{{"glm4moe"}, gguf_config, gguf_rules}};
}

}  // namespace ominix::models::glm4_moe
