#include <nlohmann/json.hpp>

#include "models/family.h"
#include "models/mistral/model.h"
#include "models/shared/gguf_text.h"

namespace ominix::models::mistral {

Config::Config(ConfigReader& r) {
  shared::read_decoder(r, *this, {.rope_theta = 10000.0f, .max_position_embeddings = 131072});
  // Absent means 4096, as in the reference; null means none.
  int window = r.has("sliding_window") ? 0 : 4096;
  if (r.optional("sliding_window", window)) r.size("sliding_window", window);
  windows = shared::read_windows(r, num_hidden_layers, window, 0);
}

Model::Model(const Config& c, const weights::Scope& w)
    : Decoder(c, w, kernels::RopePairs::half, [&c](const weights::Scope& layer, int i) {
        return Layer(c, layer, i, {.window = c.windows[static_cast<size_t>(i)]},
                     shared::SwiGlu(layer / "mlp", c.hidden_size, c.intermediate_size));
      }) {}

namespace {

std::unique_ptr<TextModel> load(ConfigReader& r, const weights::Scope& w) {
  return std::make_unique<Model>(Config(r), w);
}

}  // namespace

// GGUF files of Mistral call themselves llama.
Family family() {
  return {.name = "mistral",
          .model_types = {"mistral"},
          .load_text = load,
          .rules = shared::text_rules};
}

}  // namespace ominix::models::mistral
