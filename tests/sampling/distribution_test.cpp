#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

#include "sampling/sampler.h"

// The chain against a plain reference that sorts everything: what may be drawn is equal, and how
// often lies within 5 standard deviations. Seeds are fixed, so the outcome is too.
namespace ominix::sampling {
namespace {

struct Share {
  int32_t id;
  double logit, p;
};

void normalize(std::vector<Share>& s, double temperature) {
  double most = -1e300, total = 0;
  for (const Share& x : s) most = std::max(most, x.logit);
  for (Share& x : s) total += x.p = std::exp((x.logit - most) / temperature);
  for (Share& x : s) x.p /= total;
}

void cut_prefix(std::vector<Share>& s, double mass) {
  size_t keep = 0;
  for (double sum = 0; keep < s.size() && sum < mass;) sum += s[keep++].p;
  s.resize(keep);
}

// By the definitions, step by step; `xtc` says whether its chance came true.
std::map<int32_t, double> reference(const std::vector<float>& logits, const Sampling& o,
                                    bool xtc = false) {
  std::vector<Share> s;
  for (size_t i = 0; i < logits.size(); ++i) s.push_back({static_cast<int32_t>(i), logits[i], 0});
  const double largest = *std::ranges::max_element(logits);
  if (o.top_n_sigma > 0) {
    const double n = static_cast<double>(s.size());
    const double mean = std::accumulate(logits.begin(), logits.end(), 0.0) / n;
    double squares = 0;
    for (float x : logits) squares += (x - mean) * (x - mean);
    std::erase_if(s, [&](const Share& x) {
      return x.logit < largest - o.top_n_sigma * std::sqrt(squares / n);
    });
  }
  const auto by_logit = [](const Share& a, const Share& b) {
    return a.logit != b.logit ? a.logit > b.logit : a.id < b.id;
  };
  std::ranges::sort(s, by_logit);
  normalize(s, o.temperature);
  if (o.top_k > 0 && s.size() > static_cast<size_t>(o.top_k))
    s.resize(static_cast<size_t>(o.top_k));
  normalize(s, o.temperature);
  if (o.typical_p < 1) {
    double entropy = 0;
    for (const Share& x : s) entropy -= x.p * std::log(x.p);
    std::ranges::sort(
        s, {}, [&](const Share& x) { return std::pair(std::abs(-std::log(x.p) - entropy), x.id); });
    cut_prefix(s, o.typical_p);
    std::ranges::sort(s, by_logit);
    normalize(s, o.temperature);
  }
  if (o.top_p < 1) {
    cut_prefix(s, o.top_p);
    normalize(s, o.temperature);
  }
  if (o.min_p > 0) {
    std::erase_if(s, [&, most = s.front().p](const Share& x) { return x.p < o.min_p * most; });
    normalize(s, o.temperature);
  }
  if (xtc) {
    const auto above =
        std::ranges::count_if(s, [&](const Share& x) { return x.p >= o.xtc_threshold; });
    if (above >= 2) s.erase(s.begin(), s.begin() + above - 1);
    normalize(s, o.temperature);
  }
  std::map<int32_t, double> out;
  for (const Share& x : s) out[x.id] = x.p;
  return out;
}

constexpr int kDraws = 20'000;

void expect_drawn(const std::map<int32_t, int>& seen, const std::map<int32_t, double>& expected) {
  for (const auto& [id, n] : seen)
    EXPECT_TRUE(expected.contains(id)) << id << " was drawn " << n << " times";
  for (const auto& [id, p] : expected) {
    const double n = seen.contains(id) ? seen.at(id) : 0;
    EXPECT_NEAR(n, kDraws * p, 5 * std::sqrt(kDraws * p * (1 - p)) + 0.5) << id;
  }
}

std::map<int32_t, int> draws(const std::vector<float>& logits, const Sampling& o) {
  Sampler s(o);
  std::map<int32_t, int> seen;
  for (int i = 0; i < kDraws; ++i) {
    std::vector<float> scratch = logits;
    ++seen[s.sample(scratch, {}, i).id];
  }
  return seen;
}

// Three shapes: steep, flat, and with many equals.
std::vector<std::vector<float>> distributions() {
  std::vector<std::vector<float>> out(3);
  for (int i = 0; i < 60; ++i) {
    out[0].push_back(static_cast<float>(4 * std::sin(i * 1.7)));
    out[1].push_back(static_cast<float>(0.5 * std::cos(i * 0.9)));
    out[2].push_back(static_cast<float>(i % 5));
  }
  return out;
}

class Distribution : public ::testing::TestWithParam<Sampling> {};

TEST_P(Distribution, IsThatOfThePlainReference) {
  for (const auto& logits : distributions())
    expect_drawn(draws(logits, GetParam()), reference(logits, GetParam()));
}

INSTANTIATE_TEST_SUITE_P(
    Chains, Distribution,
    ::testing::Values(
        Sampling{.temperature = 1, .seed = 1}, Sampling{.temperature = 0.6f, .seed = 2},
        Sampling{.temperature = 1.3f, .top_k = 7, .seed = 3},
        Sampling{.temperature = 1, .top_p = 0.8f, .seed = 4},
        Sampling{.temperature = 0.8f, .min_p = 0.1f, .seed = 5},
        Sampling{.temperature = 1, .typical_p = 0.7f, .seed = 6},
        Sampling{.temperature = 1, .top_n_sigma = 1.0f, .seed = 7},
        Sampling{.temperature = 0.7f, .top_k = 20, .top_p = 0.9f, .min_p = 0.05f, .seed = 8},
        Sampling{.temperature = 1.1f,
                 .top_k = 30,
                 .top_p = 0.95f,
                 .typical_p = 0.9f,
                 .top_n_sigma = 2.0f,
                 .seed = 9}));

TEST(Distributions, XtcLeavesTheLeastLikelyOfTheTop) {
  Sampling o{.temperature = 1, .xtc_probability = 1, .xtc_threshold = 0.05f, .seed = 11};
  for (const auto& logits : distributions())
    expect_drawn(draws(logits, o), reference(logits, o, true));
  // With a probability, a mixture of both.
  o.xtc_probability = 0.3f;
  const auto logits = distributions()[0];
  auto expected = reference(logits, o, false);
  for (auto& [id, p] : expected) p *= 0.7;
  for (const auto& [id, p] : reference(logits, o, true)) expected[id] += 0.3 * p;
  expect_drawn(draws(logits, o), expected);
}

TEST(Distributions, XtcLeavesStopTokensIn) {
  const std::vector<float> logits = {3, 2.9f, 2.8f, -9};
  Sampler s({.temperature = 1, .xtc_probability = 1, .xtc_threshold = 0.1f, .seed = 1},
            {.stop_ids = {1}});
  std::map<int32_t, int> seen;
  for (int i = 0; i < 1000; ++i) {
    std::vector<float> scratch = logits;
    ++seen[s.sample(scratch, {}, i).id];
  }
  EXPECT_FALSE(seen.contains(0));
  EXPECT_GT(seen[1], 400);
  EXPECT_GT(seen[2], 400);
}

// What is chosen surprises by tau bits on average, whatever the shape of the logits.
TEST(Distributions, MirostatKeepsTheSurpriseNearItsTarget) {
  std::vector<float> logits;
  for (int i = 0; i < 2000; ++i) logits.push_back(-1.3f * std::log(static_cast<float>(i + 1)));
  double total = 0;
  for (float x : logits) total += std::exp(x);
  for (const int version : {1, 2}) {
    for (const float tau : {3.0f, 4.5f}) {
      Sampler s({.temperature = 1, .mirostat = version, .mirostat_tau = tau, .seed = 4});
      double bits = 0;
      constexpr int kSteps = 4000;
      for (int i = 0; i < kSteps; ++i) {
        std::vector<float> scratch = logits;
        const int32_t id = s.sample(scratch, {}, i).id;
        bits -= std::log2(std::exp(logits[static_cast<size_t>(id)]) / total);
      }
      EXPECT_NEAR(bits / kSteps, tau, 0.1) << "version " << version;
    }
  }
}

}  // namespace
}  // namespace ominix::sampling
