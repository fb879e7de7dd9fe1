#pragma once

#include "models/shared/decoder.h"

// Llama 1 to 3 and what has their shape (SmolLM2, TinyLlama, stories260K).
// Reference: transformers, modeling_llama.py.
namespace ominix::models::llama {

struct Config : shared::DecoderConfig {
  bool attention_bias = false, mlp_bias = false;

  explicit Config(ConfigReader& r);
};

using Layer = shared::PreNormLayer<shared::SwiGlu>;

class Model : public shared::Decoder<Layer> {
 public:
  Model(const Config& c, const weights::Scope& w);
};

}  // namespace ominix::models::llama
