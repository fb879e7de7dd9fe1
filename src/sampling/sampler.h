#pragma once

#include <ominix/engine.h>

#include <cstdint>
#include <span>
#include <vector>

#include "sampling/candidates.h"
#include "sampling/penalties.h"

namespace ominix::sampling {

// What the steps must know of the model and the request beside their options.
struct Context {
  size_t prompt_tokens = 0;
  std::vector<int32_t> stop_ids;  // XTC leaves them in
  std::vector<int32_t> breakers;  // tokens whose text has one of dry_breakers
  int logprobs = -1;              // of TextRequest
};

struct Choice {
  int32_t id = 0;
  TextStream::Piece::Logprobs logprobs;  // empty unless asked for
};

// Chooses the next token of one sequence from its logits, by the steps that ominix/engine.h lists.
// Plain C++ on host memory: a token costs a few passes over the vocabulary and never sorts it, and
// the choice is the same on every device.
class Sampler {
 public:
  // Errors: invalid_argument, with the name of the field.
  explicit Sampler(const Sampling& options, Context context = {});

  // The token for `position` (counted from the sequence's first token). `logits` are changed.
  // `history`: prompt and answer so far. Errors: internal when no logit is finite (the model
  // computed garbage).
  Choice sample(std::span<float> logits, std::span<const int32_t> history, int64_t position);

 private:
  void filter(std::span<const float> logits, float largest, int64_t position);
  int32_t steer(int64_t position);  // mirostat

  Sampling options_;
  Context context_;
  Penalties penalties_;
  double surprise_limit_;  // mirostat's μ, in bits
  Candidates candidates_;
};

}  // namespace ominix::sampling
