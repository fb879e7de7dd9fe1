#pragma once

#include <vector>

#include "models/shared/decoder.h"
#include "nn/moe.h"

// Qwen3 with experts (30B-A3B, 235B-A22B, Coder): Qwen3's attention, and in most layers a softmax
// router in front of many narrow MLPs. Reference: transformers, modeling_qwen3_moe.py.
namespace ominix::models::qwen3_moe {

struct Config : shared::DecoderConfig {
  bool attention_bias = false;
  std::vector<int> windows;  // of each layer, 0 for none
  int num_experts = 128, num_experts_per_tok = 8, moe_intermediate_size = 768;
  bool norm_topk_prob = false;
  std::vector<bool> sparse;  // has layer i experts?

  explicit Config(ConfigReader& r);
};

class SparseMlp {
 public:
  SparseMlp(const Config& c, const weights::Scope& w);
  array operator()(const array& x) const;

 private:
  int num_experts_per_tok_;
  bool norm_topk_prob_;
  nn::Linear gate_;
  nn::SwiGluExperts switch_mlp_;
};

using Mlp = shared::DenseOrSparse<SparseMlp>;
using Layer = shared::PreNormLayer<Mlp>;

class Model : public shared::Decoder<Layer> {
 public:
  Model(const Config& c, const weights::Scope& w);
};

}  // namespace ominix::models::qwen3_moe
