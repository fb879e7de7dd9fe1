#include <nlohmann/json.hpp>

#include "models/family.h"
#include "models/qwen3/model.h"
#include "models/shared/gguf_text.h"

namespace ominix::models::qwen3 {

Config::Config(ConfigReader& r) {
  shared::read_decoder(r, *this,
                       {.rope_theta = 10000.0f, .max_position_embeddings = 32768, .head_dim = 128});
  r.optional("attention_bias", attention_bias);
  windows = shared::read_switched_windows(r, num_hidden_layers);
}

Model::Model(const Config& c, const weights::Scope& w)
    : Decoder(c, w, kernels::RopePairs::half, [&c](const weights::Scope& layer, int i) {
        return Layer(c, layer, i,
                     {.qkv_bias = c.attention_bias,
                      .o_bias = c.attention_bias,
                      .qk_norm = true,
                      .window = c.windows[static_cast<size_t>(i)]},
                     shared::SwiGlu(layer / "mlp", c.hidden_size, c.intermediate_size));
      }) {}

namespace {

std::unique_ptr<TextModel> load(ConfigReader& r, const weights::Scope& w) {
  return std::make_unique<Model>(Config(r), w);
}

Json gguf_config(const formats::Gguf& file) { return shared::gguf_text_config(file, "qwen3"); }

weights::Rules gguf_rules(const Json&) { return shared::gguf_text_rules(); }

}  // namespace

Family family() {
  return {.name = "qwen3",
          .model_types = {"qwen3"},
          .load_text = load,
          .rules = shared::text_rules,
          .gguf = Family::GgufForm{{"qwen3"}, gguf_config, gguf_rules}};
}

}  // namespace ominix::models::qwen3
