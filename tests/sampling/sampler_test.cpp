#include "sampling/sampler.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <map>

#include "support/expect_error.h"

namespace ominix::sampling {
namespace {

constexpr float kInf = std::numeric_limits<float>::infinity();

// sample() changes its logits.
int32_t choose(Sampler& s, std::vector<float> logits, std::span<const int32_t> history,
               int64_t position) {
  return s.sample(logits, history, position).id;
}

TEST(Sampler, GreedyTakesTheLowestOfEquals) {
  Sampler s({});
  EXPECT_EQ(choose(s, std::vector<float>{1, 3, 3, 2}, {}, 0), 1);
  EXPECT_EQ(choose(s, std::vector<float>{-kInf, -kInf, -5}, {}, 0), 2);
}

TEST(Sampler, GarbageIsAnError) {
  Sampler s({});
  EXPECT_ERROR(choose(s, std::vector<float>{1, NAN}, {}, 0), ErrorCode::internal, "not a number");
  EXPECT_ERROR(choose(s, std::vector<float>{-kInf, -kInf}, {}, 0), ErrorCode::internal, "finite");
  EXPECT_ERROR(choose(s, std::vector<float>{1, kInf}, {}, 0), ErrorCode::internal, "finite");
}

TEST(Sampler, FiltersKeepWhatTheySay) {
  const std::vector<float> logits = {5, 4, 3, 2, 1, 0};
  const auto drawn = [&](Sampling o) {
    o.temperature = 1;
    Sampler s(o);
    std::map<int32_t, int> seen;
    for (int i = 0; i < 3000; ++i) ++seen[choose(s, logits, {}, i)];
    return seen.size();
  };
  EXPECT_EQ(drawn({.top_k = 2}), 2u);
  EXPECT_EQ(drawn({.top_k = 1}), 1u);
  EXPECT_EQ(drawn({.top_p = 0.63f}), 1u);  // shares 0.634, 0.233, 0.086, …
  EXPECT_EQ(drawn({.top_p = 0.64f}), 2u);
  EXPECT_EQ(drawn({.min_p = 0.1f}), 3u);  // relative to the best: 1, 0.37, 0.135, 0.0498
  EXPECT_EQ(drawn({}), 6u);
}

TEST(Sampler, SeedAndPositionDecideAlone) {
  const std::vector<float> logits(100, 0.0f);
  Sampler a({.temperature = 1, .seed = 9}), b({.temperature = 1, .seed = 9}),
      c({.temperature = 1, .seed = 10});
  std::vector<int32_t> first, again, other;
  for (int i = 0; i < 50; ++i) first.push_back(choose(a, logits, {}, i));
  for (int i = 49; i >= 0; --i) again.insert(again.begin(), choose(b, logits, {}, i));
  for (int i = 0; i < 50; ++i) other.push_back(choose(c, logits, {}, i));
  EXPECT_EQ(first, again);
  EXPECT_NE(first, other);
}

TEST(Sampler, RepetitionPenaltyLooksAtTheWindow) {
  const std::vector<float> logits = {2.0f, 1.9f, -1.0f};
  Sampler s({.repetition_penalty = 1.5f, .repetition_window = 2});
  EXPECT_EQ(choose(s, logits, std::vector<int32_t>{0, 2, 2}, 3), 0);  // 0 is outside the window
  EXPECT_EQ(choose(s, logits, std::vector<int32_t>{2, 0, 0}, 3), 1);
}

TEST(Sampler, RefusesOptionsOutOfRange) {
  EXPECT_ERROR(Sampler({.temperature = -1}), ErrorCode::invalid_argument, "temperature is -1");
  EXPECT_ERROR(Sampler({.temperature = NAN}), ErrorCode::invalid_argument, "temperature");
  EXPECT_ERROR(Sampler({.top_k = -1}), ErrorCode::invalid_argument, "top_k");
  EXPECT_ERROR(Sampler({.top_p = 0}), ErrorCode::invalid_argument, "top_p");
  EXPECT_ERROR(Sampler({.min_p = 2}), ErrorCode::invalid_argument, "min_p");
  EXPECT_ERROR(Sampler({.repetition_penalty = 0}), ErrorCode::invalid_argument,
               "repetition_penalty");
}

}  // namespace
}  // namespace ominix::sampling
