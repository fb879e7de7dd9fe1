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

weights::Rules gguf_rules(const Json& config) {
  return shared::joined({shared::gguf_text_rules(), shared::gguf_unpaired_rules(config)});
}

// With experts it is another family's.
bool is_dense(const formats::Gguf& file) {
  return shared::GgufMeta(file).integer("expert_count").value_or(0) == 0;
}

Json gguf_config(const formats::Gguf& file) { return shared::gguf_text_config(file, "llama"); }

}  // namespace

Family family() {
  return {.name = "llama",
          .model_types = {"llama"},
          .load_text = load,
          .rules = shared::text_rules,
          .gguf = Family::GgufForm{{"llama"}, gguf_config, gguf_rules, is_dense}};
}

}  // namespace ominix::models::llama
