#include <nlohmann/json.hpp>

#include "models/family.h"
#include "models/llama/model.h"
#include "models/shared/gguf_text.h"

namespace ominix::models::llama {

Config::Config(ConfigReader& r) {
  shared::read_decoder(r, *this, {.rope_theta = 10000.0f, .max_position_embeddings = 2048});
  r.optional("attention_bias", attention_bias);
  r.optional("mlp_bias", mlp_bias);
}

Model::Model(const Config& c, const weights::Scope& w)
    : Decoder(c, w, kernels::RopePairs::half, [&c](const weights::Scope& layer, int i) {
        return Layer(c, layer, i, {.qkv_bias = c.attention_bias, .o_bias = c.attention_bias},
                     shared::SwiGlu(layer / "mlp", c.hidden_size, c.intermediate_size, c.mlp_bias));
      }) {}

namespace {

std::unique_ptr<TextModel> load(ConfigReader& r, const weights::Scope& w) {
  return std::make_unique<Model>(Config(r), w);
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
          .rules = shared::text_rules,
          .gguf = Family::GgufForm{{"llama"}, gguf_config, gguf_rules}};
}

}  // namespace ominix::models::llama
