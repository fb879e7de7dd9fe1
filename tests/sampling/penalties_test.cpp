#include "sampling/penalties.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

namespace ominix::sampling {
namespace {

std::vector<float> applied(const Sampling& o, std::vector<float> logits,
                           const std::vector<int32_t>& history, size_t prompt = 0,
                           std::vector<int32_t> breakers = {}) {
  Penalties(o, std::move(breakers), prompt).apply(logits, history);
  return logits;
}

using Logits = std::vector<float>;

TEST(Penalties, NothingIsTheDefault) {
  EXPECT_EQ(applied({}, {1, -2, 3}, {0, 1, 2, 0, 1, 2}), (Logits{1, -2, 3}));
}

TEST(Penalties, BiasesAddUpAndForeignIdsAreLeft) {
  EXPECT_EQ(applied({.logit_bias = {{1, 2.5f}, {1, -1}, {7, 9}, {-1, 9}}}, {0, 0, 0}, {}),
            (Logits{0, 1.5f, 0}));
}

TEST(Penalties, RepetitionMakesSeenTokensSmallerOnce) {
  EXPECT_EQ(applied({.repetition_penalty = 2}, {4, -4, 4}, {0, 0, 1, 99, -5}), (Logits{2, -8, 4}));
  EXPECT_EQ(applied({.repetition_penalty = 2, .repetition_window = 1}, {4, -4, 4}, {0, 1}),
            (Logits{4, -8, 4}));
  EXPECT_EQ(applied({.repetition_penalty = 2, .repetition_window = 0}, {4}, {0}), Logits{4});
}

TEST(Penalties, PresenceAndFrequencyLookAtTheAnswer) {
  const Sampling o{.presence_penalty = 1, .frequency_penalty = 0.5f};
  EXPECT_EQ(applied(o, {0, 0, 0}, {0, 0, 1, 2, 2}, 2), (Logits{0, -1.5f, -2}));
  // Step by step it is the same.
  Penalties p(o, {}, 2);
  const std::vector<int32_t> history = {0, 0, 1, 2, 2};
  Logits last;
  for (size_t n = 2; n <= history.size(); ++n) {
    last = {0, 0, 0};
    p.apply(last, std::span(history).first(n));
  }
  EXPECT_EQ(last, (Logits{0, -1.5f, -2}));
}

// By the definition, without cleverness: for each earlier place, how long the text before it equals
// the text before the end.
Logits plain_dry(const Sampling& o, Logits logits, const std::vector<int32_t>& h,
                 const std::vector<int32_t>& breakers) {
  const auto breaks = [&](int32_t id) { return std::ranges::count(breakers, id) > 0; };
  std::vector<size_t> longest(logits.size(), 0);
  for (size_t i = 1; i < h.size(); ++i) {
    size_t n = 0;
    while (n < i && h[i - 1 - n] == h[h.size() - 1 - n] && !breaks(h[i - 1 - n])) ++n;
    auto& most = longest[static_cast<size_t>(h[i])];
    if (!breaks(h[i])) most = std::max(most, n);
  }
  for (size_t id = 0; id < logits.size(); ++id) {
    const int over = static_cast<int>(longest[id]) - o.dry_allowed_length;
    if (over >= 0)
      logits[id] -= static_cast<float>(o.dry_multiplier * std::pow(double{o.dry_base}, over));
  }
  return logits;
}

TEST(Penalties, DryEqualsItsDefinition) {
  const Sampling o{.dry_multiplier = 0.8f, .dry_allowed_length = 2};
  EXPECT_EQ(applied(o, {0, 0, 0, 0}, {1, 2, 3, 1, 2}), (Logits{0, 0, 0, -0.8f}));
  EXPECT_EQ(applied(o, {0, 0, 0, 0}, {1, 2, 3, 1, 2}, 0, {2}), (Logits{0, 0, 0, 0}));
  uint64_t x = 7;
  for (int round = 0; round < 200; ++round) {
    std::vector<int32_t> history;
    for (int i = 0; i < 40; ++i) {
      x = x * 6364136223846793005ull + 1442695040888963407ull;
      history.push_back(static_cast<int32_t>(x >> 33) % (round % 2 ? 2 : 4));
    }
    const std::vector<int32_t> breakers =
        round % 3 ? std::vector<int32_t>{} : std::vector<int32_t>{3};
    const Logits zero(4, 0.0f);
    EXPECT_EQ(applied(o, zero, history, 0, breakers), plain_dry(o, zero, history, breakers));
  }
}

TEST(Penalties, DryStaysFiniteAndLooksAtItsWindow) {
  const std::vector<int32_t> same(5000, 1);
  const Sampling o{.dry_multiplier = 5, .dry_base = 50};
  EXPECT_EQ(applied(o, {0, 0}, same), (Logits{0, -1000}));
  const Sampling narrow{.dry_multiplier = 1, .dry_window = 4};
  EXPECT_EQ(applied(narrow, {0, 0, 0, 0}, {1, 2, 3, 0, 0, 1, 2}), (Logits{0, 0, 0, 0}));
  EXPECT_EQ(applied(o, {0, 0}, {}), (Logits{0, 0}));
}

}  // namespace
}  // namespace ominix::sampling
