#pragma once

#include <vector>

#include "models/shared/decoder.h"
#include "nn/moe.h"

// Mixtral 8x7B and 8x22B: Mistral's attention, a softmax router and a few wide experts in every
// layer. Reference: transformers, modeling_mixtral.py.
namespace ominix::models::mixtral {

struct Config : shared::DecoderConfig {
  std::vector<int> windows;  // of each layer, 0 for none
  int num_local_experts = 8, num_experts_per_tok = 2;

  explicit Config(ConfigReader& r);
};

class SparseMlp {
 public:
  SparseMlp(const Config& c, const weights::Scope& w);
  array operator()(const array& x) const;

 private:
  int num_experts_per_tok_;
  nn::Linear gate_;
  nn::SwiGluExperts switch_mlp_;
};

using Layer = shared::PreNormLayer<SparseMlp>;

class Model : public shared::Decoder<Layer> {
 public:
  Model(const Config& c, const weights::Scope& w);
};

}  // namespace ominix::models::mixtral
