#pragma once

#include <ominix/engine.h>

#include <cstdint>
#include <span>
#include <unordered_map>
#include <vector>

namespace ominix::sampling {

// The steps that change logits by what was said before. One sequence each: it remembers what it has
// counted.
class Penalties {
 public:
  // `breakers`: ids at which repetitions end, ascending. `prompt`: tokens of the history that the
  // answer does not count.
  Penalties(const Sampling& options, std::vector<int32_t> breakers, size_t prompt);

  // `history` is that of the call before, grown. Ids outside the logits are passed over.
  void apply(std::span<float> logits, std::span<const int32_t> history);

 private:
  void repetition(std::span<float> logits, std::span<const int32_t> history) const;
  void presence_and_frequency(std::span<float> logits, std::span<const int32_t> history);
  void dry(std::span<float> logits, std::span<const int32_t> history) const;

  Sampling options_;
  std::vector<int32_t> breakers_;
  size_t counted_;  // tokens of the history that counts_ has seen, or that it passes over
  std::unordered_map<int32_t, int> counts_;
};

}  // namespace ominix::sampling
