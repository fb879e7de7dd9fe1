#include <algorithm>
#include <nlohmann/json.hpp>

#include "models/family.h"
#include "models/qwen3_moe/model.h"
#include "models/shared/experts.h"
#include "models/shared/gguf_text.h"

namespace ominix::models::qwen3_moe {

Config::Config(ConfigReader& r) {
  shared::read_decoder(r, *this,
                       {.rope_theta = 10000.0f, .max_position_embeddings = 32768, .head_dim = 128});
  r.optional("attention_bias", attention_bias);
  windows = shared::read_switched_windows(r, num_hidden_layers);
  // transformers 5 writes the second name.
  if (!r.optional("num_experts", num_experts)) r.optional("num_local_experts", num_experts);
  r.optional("num_experts_per_tok", num_experts_per_tok);
  r.optional("moe_intermediate_size", moe_intermediate_size);
  r.optional("norm_topk_prob", norm_topk_prob);
  r.size("moe_intermediate_size", moe_intermediate_size);
  int step = 1;
  std::vector<int> dense;
  r.optional("decoder_sparse_step", step);
  r.optional("mlp_only_layers", dense);
  r.ignore({"num_local_experts", "output_router_logits", "router_aux_loss_coef"});
  r.check(step >= 1, "'decoder_sparse_step' must be 1 or more");
  for (int i = 0; i < num_hidden_layers; ++i) {
    sparse.push_back(num_experts > 0 && (i + 1) % step == 0 &&
                     std::ranges::find(dense, i) == dense.end());
  }
  if (std::ranges::find(sparse, true) != sparse.end()) {
    shared::check_experts(r, num_experts, num_experts_per_tok);
  }
}

SparseMlp::SparseMlp(const Config& c, const weights::Scope& w)
    : num_experts_per_tok_(c.num_experts_per_tok),
      norm_topk_prob_(c.norm_topk_prob),
      gate_(w / "gate", c.hidden_size, c.num_experts),
      switch_mlp_(w / "switch_mlp", c.num_experts, c.hidden_size, c.moe_intermediate_size) {}

array SparseMlp::operator()(const array& x) const {
  return switch_mlp_(x, nn::route_softmax(gate_(x), num_experts_per_tok_, norm_topk_prob_));
}

namespace {

Mlp make_mlp(const Config& c, const weights::Scope& w, bool sparse) {
  if (sparse) return {SparseMlp(c, w)};
  return {shared::SwiGlu(w, c.hidden_size, c.intermediate_size)};
}

}  // namespace

Model::Model(const Config& c, const weights::Scope& w)
    : Decoder(c, w, kernels::RopePairs::half, [&c](const weights::Scope& layer, int i) {
        const auto at = static_cast<size_t>(i);
        return Layer(c, layer, i,
                     {.qkv_bias = c.attention_bias,
                      .o_bias = c.attention_bias,
                      .qk_norm = true,
                      .window = c.windows[at]},
                     make_mlp(c, layer / "mlp", c.sparse[at]));
      }) {}

namespace {

std::unique_ptr<TextModel> load(ConfigReader& r, const weights::Scope& w) {
  return std::make_unique<Model>(Config(r), w);
}

weights::Rules rules(const Json& config) {
  return shared::joined({shared::text_rules(config), shared::expert_rules("mlp")});
}

Json gguf_config(const formats::Gguf& file) {
  Json c = shared::gguf_text_config(file, "qwen3_moe");
  shared::gguf_experts(file, c, "num_experts");
  c["norm_topk_prob"] = true;
  return c;
}

weights::Rules gguf_rules(const Json&) {
  return shared::joined({{weights::rename("blk.*.ffn_gate_inp.*", "model.layers.*.mlp.gate.*")},
                         shared::expert_rules("mlp"),
                         shared::gguf_text_rules()});
}

}  // namespace

Family family() {
  return {.name = "qwen3_moe",
          .model_types = {"qwen3_moe"},
          .load_text = load,
          .rules = rules,
          .gguf = Family::GgufForm{{"qwen3moe"}, gguf_config, gguf_rules}};
}

}  // namespace ominix::models::qwen3_moe
