#include "sampling/sampler.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/error.h"

namespace ominix::sampling {
namespace {

// Uniform in [0, 1) from (seed, position) alone: splitmix64 of both.
double uniform(uint64_t seed, int64_t position) {
  uint64_t x =
      seed * 0x9E3779B97F4A7C15ull + static_cast<uint64_t>(position) * 0xD1B54A32D192ED03ull;
  x += 0x9E3779B97F4A7C15ull;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9ull;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBull;
  x ^= x >> 31;
  return static_cast<double>(x >> 11) * 0x1p-53;
}

void require(bool holds, const char* field, const char* expected, double found) {
  if (!holds) {
    throw fail(ErrorCode::invalid_argument, "sampling: {} is {}, expected {}", field, found,
               expected);
  }
}

// The largest logit's index; the lowest one among equals.
int32_t argmax(std::span<const float> logits) {
  int32_t best = -1;
  float most = -std::numeric_limits<float>::infinity();
  for (size_t i = 0; i < logits.size(); ++i) {
    if (std::isnan(logits[i])) {
      throw Error(ErrorCode::internal, "sampling: the model computed a logit that is not a number");
    }
    if (logits[i] > most) {
      most = logits[i];
      best = static_cast<int32_t>(i);
    }
  }
  if (best < 0 || most == std::numeric_limits<float>::infinity()) {
    throw Error(ErrorCode::internal, "sampling: no logit of the model is finite");
  }
  return best;
}

}  // namespace

Sampler::Sampler(const Sampling& options) : options_(options) {
  const Sampling& o = options_;
  require(o.temperature >= 0 && o.temperature <= 100, "temperature", "0 to 100", o.temperature);
  require(o.top_k >= 0, "top_k", "0 (all) or more", o.top_k);
  require(o.top_p > 0 && o.top_p <= 1, "top_p", "above 0, at most 1", o.top_p);
  require(o.min_p >= 0 && o.min_p <= 1, "min_p", "0 to 1", o.min_p);
  require(o.repetition_penalty > 0 && o.repetition_penalty <= 100, "repetition_penalty",
          "above 0, at most 100", o.repetition_penalty);
  require(o.repetition_window >= 0, "repetition_window", "0 or more", o.repetition_window);
}

int32_t Sampler::sample(std::span<const float> logits, std::span<const int32_t> history,
                        int64_t position) {
  if (options_.repetition_penalty != 1.0f && options_.repetition_window > 0) {
    adjusted_.assign(logits.begin(), logits.end());
    const auto window = static_cast<size_t>(options_.repetition_window);
    auto recent = history.last(std::min(history.size(), window));
    std::vector<int32_t> seen(recent.begin(), recent.end());
    std::ranges::sort(seen);
    seen.erase(std::unique(seen.begin(), seen.end()), seen.end());
    for (int32_t id : seen) {
      if (id < 0 || static_cast<size_t>(id) >= adjusted_.size()) continue;
      float& x = adjusted_[static_cast<size_t>(id)];
      x = x > 0 ? x / options_.repetition_penalty : x * options_.repetition_penalty;
    }
    logits = adjusted_;
  }
  const int32_t best = argmax(logits);
  if (options_.temperature == 0.0f) return best;

  // Candidates: everything that top_k, top_p and min_p can still keep. min_p and the point where a
  // token's share can no longer matter (e^-30) bound them without sorting the vocabulary.
  const float most = logits[static_cast<size_t>(best)];
  const float spread = options_.min_p > 0 ? -std::log(options_.min_p) : 30.0f;
  const float least = most - spread * options_.temperature;
  candidates_.clear();
  for (size_t i = 0; i < logits.size(); ++i) {
    if (logits[i] >= least) candidates_.push_back({logits[i], static_cast<int32_t>(i)});
  }
  const auto before = [](const Candidate& a, const Candidate& b) {
    return a.logit != b.logit ? a.logit > b.logit : a.id < b.id;
  };
  if (options_.top_k > 0 && candidates_.size() > static_cast<size_t>(options_.top_k)) {
    std::ranges::nth_element(candidates_, candidates_.begin() + options_.top_k, before);
    candidates_.resize(static_cast<size_t>(options_.top_k));
  }
  std::vector<double> weight(candidates_.size());
  double total = 0;
  const auto weigh = [&] {
    total = 0;
    for (size_t i = 0; i < candidates_.size(); ++i) {
      weight[i] = std::exp(static_cast<double>(candidates_[i].logit - most) / options_.temperature);
      total += weight[i];
    }
  };
  if (options_.top_p < 1.0f) {
    std::ranges::sort(candidates_, before);
    weigh();
    double sum = 0;
    size_t keep = 0;
    while (keep < candidates_.size() && sum < options_.top_p * total) sum += weight[keep++];
    candidates_.resize(std::max<size_t>(keep, 1));
  } else {
    std::ranges::sort(candidates_, {}, &Candidate::id);
  }
  weigh();
  double left = uniform(options_.seed, position) * total;
  for (size_t i = 0; i < candidates_.size(); ++i) {
    left -= weight[i];
    if (left < 0) return candidates_[i].id;
  }
  return candidates_.back().id;
}

}  // namespace ominix::sampling
