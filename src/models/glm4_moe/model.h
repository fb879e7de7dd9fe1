#pragma once

#include <optional>

#include "models/shared/decoder.h"
#include "nn/moe.h"

// GLM-4.5, 4.5-Air and 4.6: sigmoid routing with a correction of the choice, groups of experts,
// experts that every token meets, a few dense layers first; half of each head turns. Reference:
// transformers, modeling_glm4_moe.py.
namespace ominix::models::glm4_moe {

struct Config : shared::DecoderConfig {
  bool attention_bias = false, use_qk_norm = false;
  int n_routed_experts = 128, n_shared_experts = 1, moe_intermediate_size = 1408;
  int first_k_dense_replace = 1;
  nn::SigmoidRouting routing;

  explicit Config(ConfigReader& r);
};

class SparseMlp {
 public:
  SparseMlp(const Config& c, const weights::Scope& w);
  array operator()(const array& x) const;

 private:
  nn::SigmoidRouting routing_;
  nn::Linear gate_;
  array e_score_correction_bias_;
  nn::SwiGluExperts switch_mlp_;
  std::optional<shared::SwiGlu> shared_experts_;
};

using Mlp = shared::DenseOrSparse<SparseMlp>;
using Layer = shared::PreNormLayer<Mlp>;

class Model : public shared::Decoder<Layer> {
 public:
  Model(const Config& c, const weights::Scope& w);
};

}  // namespace ominix::models::glm4_moe
