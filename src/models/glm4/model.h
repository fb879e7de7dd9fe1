#pragma once

#include "models/shared/decoder.h"

// GLM-4-0414 (9B, 32B, Z1): four norms a layer, gate and up projections in one matrix, the first
// half of each head turns, in pairs of neighbours. Reference: transformers, modeling_glm4.py.
namespace ominix::models::glm4 {

struct Config : shared::DecoderConfig {
  bool attention_bias = true;

  explicit Config(ConfigReader& r);
};

class Mlp {
 public:
  Mlp(const Config& c, const weights::Scope& w);
  array operator()(const array& x) const;

 private:
  nn::Linear gate_up_proj_, down_proj_;
};

class Layer {
 public:
  Layer(const Config& c, const weights::Scope& w, int layer);
  array operator()(const array& x, const nn::Rope& rope, nn::Pass& pass) const;
  kernels::KvSpec kv_spec() const { return self_attn_.kv_spec(); }

 private:
  int layer_;
  nn::RmsNorm input_layernorm_, post_self_attn_layernorm_;
  nn::RmsNorm post_attention_layernorm_, post_mlp_layernorm_;
  shared::Attention self_attn_;
  Mlp mlp_;
};

class Model : public shared::Decoder<Layer> {
 public:
  Model(const Config& c, const weights::Scope& w);
};

}  // namespace ominix::models::glm4
