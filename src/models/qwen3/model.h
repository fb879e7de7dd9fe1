#pragma once

#include <vector>

#include "models/shared/decoder.h"

// Qwen3, dense: norms on the heads of q and k, heads of a width of their own; the later layers may
// look through a window. Reference: transformers, modeling_qwen3.py.
namespace ominix::models::qwen3 {

struct Config : shared::DecoderConfig {
  bool attention_bias = false;
  std::vector<int> windows;  // of each layer, 0 for none

  explicit Config(ConfigReader& r);
};

using Layer = shared::PreNormLayer<shared::SwiGlu>;

class Model : public shared::Decoder<Layer> {
 public:
  Model(const Config& c, const weights::Scope& w);
};

}  // namespace ominix::models::qwen3
