#pragma once

#include <vector>

#include "models/shared/decoder.h"

// Gemma 3, text: most layers look through a window and have a rope of their own, every sixth sees
// all; four (1 + w) norms a layer, GELU, embeddings times sqrt(hidden_size). Reference:
// transformers, modeling_gemma3.py.
namespace ominix::models::gemma3 {

struct Config : shared::DecoderConfig {
  nn::RopeConfig local_rope;
  std::vector<int> windows;  // of each layer, 0 for none
  float query_pre_attn_scalar = 256.0f;
  float final_logit_softcapping = 0.0f;  // 0: none

  explicit Config(ConfigReader& r);
};

class Mlp {
 public:
  Mlp(const Config& c, const weights::Scope& w);
  array operator()(const array& x) const;

 private:
  nn::Joined<2> gate_up_proj_;
  nn::Linear down_proj_;
};

class Layer {
 public:
  Layer(const Config& c, const weights::Scope& w, int layer);
  array operator()(const array& x, const nn::Rope& rope, nn::Pass& pass) const;
  kernels::KvSpec kv_spec() const { return self_attn_.kv_spec(); }

 private:
  int layer_;
  nn::RmsNorm input_layernorm_, post_attention_layernorm_;
  nn::RmsNorm pre_feedforward_layernorm_, post_feedforward_layernorm_;
  shared::Attention self_attn_;
  Mlp mlp_;
};

class Model : public TextModel {
 public:
  Model(const Config& c, const weights::Scope& w);

  TextInfo info() const override;
  std::vector<kernels::KvSpec> state_spec() const override;
  array forward(const array& ids, nn::Pass& pass) const override;
  array logits(const array& hidden) const override;

 private:
  Config config_;
  nn::Rope rope_, local_rope_;
  nn::Embedding embed_tokens_;
  std::vector<Layer> layers_;
  nn::RmsNorm norm_;
};

}  // namespace ominix::models::gemma3
