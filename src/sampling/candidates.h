#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace ominix::sampling {

// A token that may still be chosen. `weight` is its share of the candidates but for a common
// factor.
struct Candidate {
  int32_t id;
  float logit;
  double weight;
};
using Candidates = std::vector<Candidate>;  // by ascending id

// The index of the largest logit, the lowest among equals. Errors: internal when a logit is not a
// number or none is finite (the model computed garbage).
int32_t argmax(std::span<const float> logits);

// ln Σ e^logit
double log_sum_exp(std::span<const float> logits, float largest);

// Standard deviation of the finite logits.
double deviation(std::span<const float> logits);

// The tokens with logits of at least `least`, the `k` largest of them where k is not 0, weighed by
// e^((logit - largest) / temperature).
void collect(std::span<const float> logits, float least, size_t k, float largest, float temperature,
             Candidates& out);

// Filters. Each leaves at least one candidate, takes linear time, and does not sort all of them:
// where a prefix of an order counts, only the part around its end is put in order.
void keep_top_k(Candidates& c, size_t k);
void keep_top_p(Candidates& c, double p);
void keep_min_p(Candidates& c, double p);
void keep_typical(Candidates& c, double p);
// All of at least `threshold`'s share but the least likely one go, except `kept` ids (ascending).
void exclude_top_choices(Candidates& c, double threshold, std::span<const int32_t> kept);

double total_weight(const Candidates& c);

// The candidate at `at` in [0, 1) of all weights.
const Candidate& draw(const Candidates& c, double at);

}  // namespace ominix::sampling
