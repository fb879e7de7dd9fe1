#pragma once

#include <vector>

#include "models/shared/decoder.h"

// Qwen2 and Qwen2.5: biases on q, k and v; the later layers may look through a window.
// Reference: transformers, modeling_qwen2.py.
namespace ominix::models::qwen2 {

struct Config : shared::DecoderConfig {
  std::vector<int> windows;  // of each layer, 0 for none

  explicit Config(ConfigReader& r);
};

using Layer = shared::PreNormLayer<shared::SwiGlu>;

class Model : public shared::Decoder<Layer> {
 public:
  Model(const Config& c, const weights::Scope& w);
};

}  // namespace ominix::models::qwen2
