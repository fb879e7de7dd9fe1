#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "kernels/kernels.h"

namespace ominix::nn {

// Rotary position embedding as config.json describes it (rope_theta, rope_scaling /
// rope_parameters). Formulas: transformers, modeling_rope_utils.py.
struct RopeConfig {
  // default, linear, dynamic, llama3, yarn, longrope; factors: what GGUF files hold instead of
  // llama3
  std::string type = "default";
  int width = 0;  // elements of a head that turn (head_dim · partial_rotary_factor)
  float theta = 10000.0f;
  float factor = 1.0f;
  int64_t max_positions = 0;       // max_position_embeddings
  int64_t original_positions = 0;  // original_max_position_embeddings; 0: not given
  // llama3
  float low_freq_factor = 1.0f, high_freq_factor = 4.0f;
  // yarn
  float beta_fast = 32.0f, beta_slow = 1.0f, mscale = 0.0f, mscale_all_dim = 0.0f;
  bool truncate = true;
  // yarn and longrope: multiplies cos and sin; 0: the type's own rule
  float attention_factor = 0.0f;
  // longrope: width / 2 factors each
  std::vector<float> short_factor, long_factor;
  // factors: width / 2 numbers that divide the frequencies
  std::vector<float> factors;
};

class Rope {
 public:
  Rope(const RopeConfig& config, kernels::RopePairs pairs);

  int width() const { return config_.width; }
  kernels::RopePairs pairs() const { return pairs_; }
  // Do the frequencies depend on `length`?
  bool by_length() const { return fixed_.empty(); }

  // cos and sin of positions [first, first + count): count rows of width / 2 values. `length` is
  // the sequence length that dynamic and longrope go by.
  void table(int64_t first, int count, int64_t length, std::span<float> cos,
             std::span<float> sin) const;

 private:
  std::vector<float> frequencies(int64_t length) const;

  RopeConfig config_;
  kernels::RopePairs pairs_;
  std::vector<float> fixed_;  // inverse frequencies, where they do not depend on the length
  float magnitude_ = 1.0f;    // multiplies cos and sin
};

}  // namespace ominix::nn
