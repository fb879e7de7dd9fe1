#pragma once

#include <ominix/engine.h>

#include <cstdint>
#include <span>
#include <vector>

namespace ominix::sampling {

// Chooses the next token of one sequence from its logits. Plain C++ on host memory: a token costs
// one or two passes over the vocabulary, and the choice is the same on every device.
class Sampler {
 public:
  // Errors: invalid_argument, with the name of the field.
  explicit Sampler(const Sampling& options);

  // The token for `position` (counted from the sequence's first token). `history`: prompt and
  // answer so far. Errors: internal when no logit is finite (the model computed garbage).
  int32_t sample(std::span<const float> logits, std::span<const int32_t> history, int64_t position);

 private:
  Sampling options_;
  struct Candidate {
    float logit;
    int32_t id;
  };
  std::vector<float> adjusted_;
  std::vector<Candidate> candidates_;
};

}  // namespace ominix::sampling
