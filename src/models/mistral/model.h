#pragma once

#include "models/shared/decoder.h"

// Mistral 7B and what has its shape (Nemo, Small): Llama's layers, and in 0.1 all of them look
// through a window. Reference: transformers, modeling_mistral.py.
namespace ominix::models::mistral {

struct Config : shared::DecoderConfig {
  std::vector<int> windows;  // of each layer, 0 for none

  explicit Config(ConfigReader& r);
};

using Layer = shared::PreNormLayer<shared::SwiGlu>;

class Model : public shared::Decoder<Layer> {
 public:
  Model(const Config& c, const weights::Scope& w);
};

}  // namespace ominix::models::mistral
