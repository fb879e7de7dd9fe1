#pragma once

#include <optional>
#include <vector>

#include "models/config_reader.h"
#include "models/text_model.h"
#include "nn/layers.h"
#include "nn/rope.h"

// Llama 1 to 3 and what has their shape (SmolLM2, TinyLlama, stories260K).
// Reference: transformers, modeling_llama.py.
namespace ominix::models::llama {

struct Config {
  int vocab_size = 0, hidden_size = 0, intermediate_size = 0;
  int num_hidden_layers = 0, num_attention_heads = 0, num_key_value_heads = 0, head_dim = 0;
  float rms_norm_eps = 1e-6f;
  bool attention_bias = false, mlp_bias = false;
  std::optional<bool> tie_word_embeddings;
  nn::RopeConfig rope;

  explicit Config(ConfigReader& r);
};

class Attention {
 public:
  Attention(const Config& c, const weights::Scope& w, int layer);
  array operator()(const array& x, const nn::Rope& rope, nn::Pass& pass) const;

 private:
  int layer_, heads_, kv_heads_, head_dim_;
  nn::Joined<3> qkv_proj_;
  nn::Linear o_proj_;
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

 private:
  int layer_;
  nn::RmsNorm input_layernorm_, post_attention_layernorm_;
  Attention self_attn_;
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
  nn::Rope rope_;
  nn::Embedding embed_tokens_;
  std::vector<Layer> layers_;
  nn::RmsNorm norm_;
  std::optional<nn::Linear> lm_head_;  // absent: tied to embed_tokens
};

}  // namespace ominix::models::llama
