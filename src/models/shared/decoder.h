#pragma once

#include <optional>
#include <utility>
#include <variant>
#include <vector>

#include "mlx/array.h"
#include "models/shared/decoder_config.h"
#include "models/text_model.h"
#include "nn/layers.h"
#include "nn/pass.h"
#include "nn/rope.h"

// The parts that most decoders of text are made of. A family puts them together; where it differs
// it brings its own.
namespace ominix::models::shared {

// Grouped-query attention with rotary positions, names as in transformers.
struct AttentionOptions {
  bool qkv_bias = false, o_bias = false;
  bool qk_norm = false;  // each head of q and k through a norm, before rope
  nn::NormWeight norm_weight = nn::NormWeight::plain;
  int window = 0;      // keys that a query sees, itself included; 0: all
  float scale = 0.0f;  // of scores; 0: 1 / sqrt(head_dim)
};

class Attention {
 public:
  Attention(const DecoderConfig& c, const weights::Scope& w, int layer,
            const AttentionOptions& options);
  array operator()(const array& x, const nn::Rope& rope, nn::Pass& pass) const;
  kernels::KvSpec kv_spec() const { return {kv_heads_, head_dim_, head_dim_, attend_.window}; }

 private:
  int layer_, heads_, kv_heads_, head_dim_;
  kernels::AttendOptions attend_;
  nn::Joined<3> qkv_proj_;
  nn::Linear o_proj_;
  std::optional<nn::RmsNorm> q_norm_, k_norm_;
};

// down(silu(gate(x)) · up(x))
class SwiGlu {
 public:
  SwiGlu(const weights::Scope& w, int64_t hidden, int64_t inner, bool bias = false);
  array operator()(const array& x) const;

 private:
  nn::Joined<2> gate_up_proj_;
  nn::Linear down_proj_;
};

// A family's mixture of experts or, in some of its layers, a dense MLP in its place.
template <class Sparse>
class DenseOrSparse {
 public:
  DenseOrSparse(std::variant<SwiGlu, Sparse> mlp) : mlp_(std::move(mlp)) {}
  array operator()(const array& x) const {
    return std::visit([&](const auto& mlp) { return mlp(x); }, mlp_);
  }

 private:
  std::variant<SwiGlu, Sparse> mlp_;
};

array sum(const array& a, const array& b);

// h = x + attention(norm(x)); h + mlp(norm(h))
template <class Mlp>
class PreNormLayer {
 public:
  PreNormLayer(const DecoderConfig& c, const weights::Scope& w, int layer,
               const AttentionOptions& attention, Mlp mlp)
      : layer_(layer),
        input_layernorm_(w / "input_layernorm", c.hidden_size, c.rms_norm_eps),
        post_attention_layernorm_(w / "post_attention_layernorm", c.hidden_size, c.rms_norm_eps),
        self_attn_(c, w / "self_attn", layer, attention),
        mlp_(std::move(mlp)) {}

  array operator()(const array& x, const nn::Rope& rope, nn::Pass& pass) const {
    const array attn = self_attn_(input_layernorm_(x), rope, pass);
    pass.tap(layer_, "attn", attn);
    const auto [h, normed] = post_attention_layernorm_.add(x, attn);
    const array mlp = mlp_(normed);
    pass.tap(layer_, "mlp", mlp);
    const array out = sum(h, mlp);
    pass.tap(layer_, "", out);
    return out;
  }
  kernels::KvSpec kv_spec() const { return self_attn_.kv_spec(); }

 private:
  int layer_;
  nn::RmsNorm input_layernorm_, post_attention_layernorm_;
  Attention self_attn_;
  Mlp mlp_;
};

// Embedding, layers, norm, head. Layer: (x, rope, pass) -> x, and kv_spec().
template <class Layer>
class Decoder : public TextModel {
 public:
  // `make_layer(scope, i)` builds layer i.
  template <class MakeLayer>
  Decoder(const DecoderConfig& c, const weights::Scope& w, kernels::RopePairs pairs,
          MakeLayer make_layer)
      : rope_(c.rope, pairs),
        info_{c.vocab_size, c.rope.max_positions, rope_.by_length()},
        embed_tokens_(w / "model" / "embed_tokens", c.vocab_size, c.hidden_size),
        norm_(w / "model" / "norm", c.hidden_size, c.rms_norm_eps) {
    for (int i = 0; i < c.num_hidden_layers; ++i)
      layers_.push_back(make_layer(w / "model" / "layers" / i, i));
    const weights::Scope head = w / "lm_head";
    // A head in the file decides where the config is silent; tied means that none is needed.
    if (!c.tie_word_embeddings.value_or(!head.has("weight")))
      lm_head_.emplace(head, c.hidden_size, c.vocab_size);
  }

  TextInfo info() const override { return info_; }

  std::vector<kernels::KvSpec> state_spec() const override {
    std::vector<kernels::KvSpec> out;
    out.reserve(layers_.size());
    for (const Layer& layer : layers_) out.push_back(layer.kv_spec());
    return out;
  }

  array forward(const array& ids, nn::Pass& pass) const override {
    array x = embed_tokens_(ids);
    pass.tap("embed", x);
    for (const Layer& layer : layers_) x = layer(x, rope_, pass);
    x = norm_(x);
    pass.tap("norm", x);
    return x;
  }

  array logits(const array& hidden) const override {
    return lm_head_ ? (*lm_head_)(hidden) : embed_tokens_.as_linear(hidden);
  }

 private:
  nn::Rope rope_;
  TextInfo info_;
  nn::Embedding embed_tokens_;
  std::vector<Layer> layers_;
  nn::RmsNorm norm_;
  std::optional<nn::Linear> lm_head_;  // absent: tied to embed_tokens
};

}  // namespace ominix::models::shared
