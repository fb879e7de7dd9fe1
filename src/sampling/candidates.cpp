#include "sampling/candidates.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "base/error.h"

namespace ominix::sampling {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

// A candidate's place in some order.
struct Ranked {
  double key, weight;
  int32_t id;
  bool operator<(const Ranked& other) const {
    return key != other.key ? key < other.key : id < other.id;
  }
};

template <class Key>
std::vector<Ranked> rank(const Candidates& c, Key key) {
  std::vector<Ranked> out;
  out.reserve(c.size());
  for (const Candidate& x : c) out.push_back({key(x), x.weight, x.id});
  return out;
}

// Leaves the candidates up to `last`; `ranked` in the order of c.
void keep_up_to(Candidates& c, const std::vector<Ranked>& ranked, const Ranked& last) {
  size_t kept = 0;
  for (size_t i = 0; i < c.size(); ++i) {
    if (!(last < ranked[i])) c[kept++] = c[i];
  }
  c.resize(kept);
}

// The end of the shortest prefix, in order, whose weights reach `mass`. Halves what may hold it
// instead of sorting: linear time.
Ranked end_of_mass(std::vector<Ranked> ranked, double mass) {
  auto begin = ranked.begin(), end = ranked.end();
  while (end - begin > 1) {
    const auto middle = begin + (end - begin) / 2;
    std::nth_element(begin, middle, end);
    double sum = 0;
    for (auto i = begin; i != middle; ++i) sum += i->weight;
    if (sum >= mass) {
      end = middle;
    } else {
      mass -= sum;
      begin = middle;
    }
  }
  return *begin;
}

double downwards(const Candidate& x) { return -double{x.logit}; }

}  // namespace

int32_t argmax(std::span<const float> logits) {
  // Lanes, so that the compiler can use vectors.
  constexpr size_t kLanes = 16;
  std::array<float, kLanes> most;
  std::array<int, kLanes> wrong{};
  most.fill(-kInfinity);
  const size_t whole = logits.size() / kLanes * kLanes;
  for (size_t i = 0; i < whole; i += kLanes) {
    for (size_t j = 0; j < kLanes; ++j) {
      const float x = logits[i + j];
      most[j] = x > most[j] ? x : most[j];
      wrong[j] |= x != x ? 1 : 0;
    }
  }
  for (size_t i = whole; i < logits.size(); ++i) {
    most[0] = std::max(most[0], logits[i]);
    wrong[0] |= std::isnan(logits[i]) ? 1 : 0;
  }
  if (std::ranges::count(wrong, 0) != kLanes) {
    throw Error(ErrorCode::internal, "sampling: the model computed a logit that is not a number");
  }
  const float largest = *std::ranges::max_element(most);
  if (!std::isfinite(largest)) {
    throw Error(ErrorCode::internal, "sampling: no logit of the model is finite");
  }
  return static_cast<int32_t>(std::ranges::find(logits, largest) - logits.begin());
}

double log_sum_exp(std::span<const float> logits, float largest) {
  double sum = 0;
  for (const float x : logits) sum += std::exp(x - largest);
  return largest + std::log(sum);
}

double deviation(std::span<const float> logits) {
  double sum = 0, squares = 0, count = 0;
  for (const float x : logits) {
    if (x == -kInfinity) continue;
    sum += x;
    squares += double{x} * x;
    ++count;
  }
  const double mean = sum / count;
  return std::sqrt(std::max(0.0, squares / count - mean * mean));
}

void collect(std::span<const float> logits, float least, size_t k, float largest, float temperature,
             Candidates& out) {
  out.clear();
  // A heap whose front is the least of the k best so far: most logits are turned away at once.
  const auto better = [](const Candidate& a, const Candidate& b) {
    return a.logit != b.logit ? a.logit > b.logit : a.id < b.id;
  };
  const bool bounded = k > 0 && k < logits.size();
  for (size_t i = 0; i < logits.size(); ++i) {
    if (logits[i] < least) continue;
    if (bounded && out.size() == k) {
      if (logits[i] <= out.front().logit) continue;  // of equals the lower id stays
      std::ranges::pop_heap(out, better);
      out.pop_back();
    }
    out.push_back({static_cast<int32_t>(i), logits[i], 0});
    if (bounded) std::ranges::push_heap(out, better);
  }
  if (bounded) std::ranges::sort(out, {}, &Candidate::id);
  for (Candidate& x : out) x.weight = std::exp((x.logit - largest) / temperature);
}

double total_weight(const Candidates& c) {
  double sum = 0;
  for (const Candidate& x : c) sum += x.weight;
  return sum;
}

void keep_top_k(Candidates& c, size_t k) {
  if (k >= c.size()) return;
  const std::vector<Ranked> ranked = rank(c, downwards);
  std::vector<Ranked> parted = ranked;
  const auto last = parted.begin() + static_cast<std::ptrdiff_t>(k) - 1;
  std::nth_element(parted.begin(), last, parted.end());
  keep_up_to(c, ranked, *last);
}

void keep_top_p(Candidates& c, double p) {
  const double total = total_weight(c);
  // All that weigh less than this together weigh less than what top_p leaves out.
  const double least = (1 - p) * total / static_cast<double>(c.size());
  std::erase_if(c, [&](const Candidate& x) { return x.weight < least; });
  const std::vector<Ranked> ranked = rank(c, downwards);
  keep_up_to(c, ranked, end_of_mass(ranked, p * total));
}

void keep_min_p(Candidates& c, double p) {
  const double most = std::ranges::max_element(c, {}, &Candidate::weight)->weight;
  std::erase_if(c, [&](const Candidate& x) { return x.weight < p * most; });
}

void keep_typical(Candidates& c, double p) {
  const double total = total_weight(c);
  double entropy = 0;
  for (const Candidate& x : c) {
    if (x.weight > 0) entropy -= x.weight / total * std::log(x.weight / total);
  }
  const std::vector<Ranked> ranked =
      rank(c, [&](const Candidate& x) { return std::abs(-std::log(x.weight / total) - entropy); });
  keep_up_to(c, ranked, end_of_mass(ranked, p * total));
}

void exclude_top_choices(Candidates& c, double threshold, std::span<const int32_t> kept) {
  const double least = threshold * total_weight(c);
  const Candidate* last = nullptr;
  int count = 0;
  for (const Candidate& x : c) {
    if (x.weight < least) continue;
    ++count;
    if (!last || x.logit <= last->logit) last = &x;
  }
  if (count < 2) return;
  const int32_t stays = last->id;
  std::erase_if(c, [&](const Candidate& x) {
    return x.weight >= least && x.id != stays && !std::ranges::binary_search(kept, x.id);
  });
}

const Candidate& draw(const Candidates& c, double at) {
  double left = at * total_weight(c);
  for (const Candidate& x : c) {
    left -= x.weight;
    if (left < 0) return x;
  }
  return c.back();
}

}  // namespace ominix::sampling
