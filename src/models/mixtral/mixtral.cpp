#include <nlohmann/json.hpp>
#include <string>

#include "models/family.h"
#include "models/mixtral/model.h"
#include "models/shared/experts.h"
#include "models/shared/gguf_text.h"

namespace ominix::models::mixtral {

Config::Config(ConfigReader& r) {
  rms_norm_eps = 1e-5f;
  shared::read_decoder(r, *this, {.rope_theta = 1e6f, .max_position_embeddings = 131072});
  int window = 0;
  if (r.optional("sliding_window", window)) r.size("sliding_window", window);
  windows = shared::read_windows(r, num_hidden_layers, window, 0);
  r.optional("num_local_experts", num_local_experts);
  r.optional("num_experts_per_tok", num_experts_per_tok);
  r.ignore({"output_router_logits", "router_aux_loss_coef", "router_jitter_noise"});
  shared::check_experts(r, num_local_experts, num_experts_per_tok);
}

SparseMlp::SparseMlp(const Config& c, const weights::Scope& w)
    : num_experts_per_tok_(c.num_experts_per_tok),
      gate_(w / "gate", c.hidden_size, c.num_local_experts),
      switch_mlp_(w / "switch_mlp", c.num_local_experts, c.hidden_size, c.intermediate_size) {}

array SparseMlp::operator()(const array& x) const {
  return switch_mlp_(x, nn::route_softmax(gate_(x), num_experts_per_tok_, true));
}

Model::Model(const Config& c, const weights::Scope& w)
    : Decoder(c, w, kernels::RopePairs::half, [&c](const weights::Scope& layer, int i) {
        return Layer(c, layer, i, {.window = c.windows[static_cast<size_t>(i)]},
                     SparseMlp(c, layer / "block_sparse_moe"));
      }) {}

namespace {

std::unique_ptr<TextModel> load(ConfigReader& r, const weights::Scope& w) {
  return std::make_unique<Model>(Config(r), w);
}

// w1 is the gate, w3 goes up, w2 comes down.
weights::Rules rules(const Json& config) {
  using weights::rename;
  return shared::joined(
      {shared::text_rules(config),
       {rename("*.layers.*.mlp.*", "*.layers.*.block_sparse_moe.*"),  // transformers 5
        rename("*.experts.*.w1.*", "*.experts.*.gate_proj.*"),
        rename("*.experts.*.w3.*", "*.experts.*.up_proj.*"),
        rename("*.experts.*.w2.*", "*.experts.*.down_proj.*")},
       shared::expert_rules("block_sparse_moe")});
}

bool has_experts(const formats::Gguf& file) {
  return shared::GgufMeta(file).integer("expert_count").value_or(0) > 0;
}

Json gguf_config(const formats::Gguf& file) {
  Json c = shared::gguf_text_config(file, "mixtral");
  shared::gguf_experts(file, c, "num_local_experts");
  return c;
}

weights::Rules gguf_rules(const Json& config) {
  using weights::rename;
  weights::Rules out = {rename("blk.*.ffn_gate_inp.*", "model.layers.*.block_sparse_moe.gate.*")};
  // Older files have the experts one by one.
  for (const std::string part : {"gate", "up", "down"}) {
    out.push_back(rename("blk.*.ffn_" + part + ".*.weight",
                         "model.layers.*.block_sparse_moe.switch_mlp." + part + "_proj.*.weight"));
  }
  return shared::joined({std::move(out), shared::expert_rules("block_sparse_moe"),
                         shared::gguf_text_rules(), shared::gguf_unpaired_rules(config)});
}

}  // namespace

Family family() {
  return {.name = "mixtral",
          .model_types = {"mixtral"},
          .load_text = load,
          .rules = rules,
          .gguf = Family::GgufForm{{"llama"}, gguf_config, gguf_rules, has_experts}};
}

}  // namespace ominix::models::mixtral
