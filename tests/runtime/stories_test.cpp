#include <gtest/gtest.h>
#include <ominix/engine.h>
#include <ominix/tokenizer.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "base/file.h"
#include "base/json.h"
#include "support/collect.h"
#include "support/expect_error.h"

// A real trained model, small enough to commit: tests/data/stories260k.
namespace ominix {
namespace {

const std::filesystem::path kStories = std::filesystem::path(OMINIX_TEST_DATA) / "data/stories260k";

using testing::collect;
using Result = testing::Answer;

class Stories : public ::testing::TestWithParam<const char*> {
 protected:
  Engine engine_{{.exact = true}};
};

TEST_P(Stories, TwoHundredGreedyTokensByteForByte) {
  const auto model = engine_.load(kStories / GetParam());
  const bool q8 = std::string(GetParam()).ends_with("q8_0.gguf");
  const Json expected = parse_json(
      read_text(kStories / (q8 ? "expected_greedy_200-q8_0.json" : "greedy_prompts.json")),
      "expected");
  const Result r = collect(engine_.generate(
      model,
      {.prompt = model->tokenizer().encode(""), .max_tokens = 200, .ignore_stop_ids = true}));
  EXPECT_EQ(r.ids, expected.at(q8 ? "ids" : "bos_only_ids").get<std::vector<int32_t>>());
  EXPECT_EQ(r.text, q8 ? expected.at("text").get<std::string>()
                       : read_text(kStories / "expected_greedy_200.txt"));
}

TEST_P(Stories, PromptsContinueAsTheReference) {
  if (std::string(GetParam()).ends_with("q8_0.gguf")) return;  // other weights, other texts
  const auto model = engine_.load(kStories / GetParam());
  const Json cases = parse_json(read_text(kStories / "greedy_prompts.json"), "prompts").at("cases");
  ASSERT_GE(cases.size(), 5u);
  std::vector<TextStream> streams;  // all at once: each must answer as if alone
  for (const Json& c : cases) {
    streams.push_back(engine_.generate(
        model, {.prompt = model->tokenizer().encode(c.at("prompt").get<std::string>()),
                .max_tokens = 120}));
  }
  for (size_t i = 0; i < cases.size(); ++i) {
    EXPECT_EQ(collect(std::move(streams[i])).ids, cases[i].at("ids").get<std::vector<int32_t>>())
        << cases[i].at("prompt");
  }
}

INSTANTIATE_TEST_SUITE_P(Forms, Stories,
                         ::testing::Values("hf", "stories260K-f32.gguf", "stories260K-q8_0.gguf"));

class Generation : public ::testing::Test {
 protected:
  Engine engine_{{.exact = true}};
  std::shared_ptr<const Model> model_ = engine_.load(kStories / "hf");
  std::vector<int32_t> prompt_ = model_->tokenizer().encode("Once upon a time");
};

TEST_F(Generation, StopTextsCutTheAnswer) {
  const Result whole = collect(engine_.generate(model_, {.prompt = prompt_, .max_tokens = 60}));
  const Result cut =
      collect(engine_.generate(model_, {.prompt = prompt_, .max_tokens = 60, .stop = {"Lily"}}));
  ASSERT_NE(whole.text.find("Lily"), std::string::npos);
  EXPECT_EQ(cut.text, whole.text.substr(0, whole.text.find("Lily")));
  EXPECT_EQ(cut.reason, FinishReason::stop);
  EXPECT_EQ(whole.reason, FinishReason::length);
  EXPECT_EQ(whole.ids.size(), 60u);
}

TEST_F(Generation, StopIdsEndTheAnswerAndBiasRulesTokensOut) {
  const Result whole = collect(engine_.generate(model_, {.prompt = prompt_, .max_tokens = 30}));
  const int32_t third = whole.ids.at(2);
  const Result cut =
      collect(engine_.generate(model_, {.prompt = prompt_, .max_tokens = 30, .stop_ids = {third}}));
  const auto first = std::ranges::find(whole.ids, third);
  EXPECT_EQ(cut.ids, std::vector<int32_t>(whole.ids.begin(), first));
  EXPECT_EQ(cut.reason, FinishReason::stop);
  const Result without = collect(engine_.generate(
      model_, {.prompt = prompt_, .max_tokens = 30, .sampling = {.logit_bias = {{third, -100}}}}));
  EXPECT_EQ(std::ranges::count(without.ids, third), 0);
}

TEST_F(Generation, LogprobsAreThoseOfTheModel) {
  const TextRequest request{.prompt = prompt_, .max_tokens = 20, .logprobs = 512};
  EXPECT_ERROR(engine_.generate(model_, request), ErrorCode::invalid_argument, "logprobs is 512");
  TextRequest right = request;
  right.logprobs = 5;
  const Result greedy = collect(engine_.generate(model_, right));
  ASSERT_EQ(greedy.logprobs.size(), greedy.ids.size());
  for (size_t i = 0; i < greedy.ids.size(); ++i) {
    const auto& l = greedy.logprobs[i];
    ASSERT_EQ(l.top.size(), 5u);
    EXPECT_EQ(l.top[0].id, greedy.ids[i]);
    EXPECT_EQ(l.top[0].logprob, l.logprob);
    EXPECT_TRUE(std::ranges::is_sorted(l.top, std::ranges::greater{}, &TokenLogprob::logprob));
    double sum = 0;
    for (const auto& t : l.top) sum += std::exp(t.logprob);
    EXPECT_LE(sum, 1 + 1e-6);
  }
  // Penalties and temperature choose differently, the figures stay the model's.
  right.sampling = {.temperature = 0.5f, .logit_bias = {{greedy.ids[0], -100}}};
  const Result other = collect(engine_.generate(model_, right));
  EXPECT_NE(other.ids[0], greedy.ids[0]);
  EXPECT_EQ(other.logprobs[0].top[0].logprob, greedy.logprobs[0].logprob);
  right.logprobs = 0;
  EXPECT_TRUE(collect(engine_.generate(model_, right)).logprobs.at(0).top.empty());
}

TEST_F(Generation, CancelEndsSoon) {
  TextStream stream = engine_.generate(
      model_, {.prompt = prompt_, .max_tokens = 100'000'000 / 1000, .ignore_stop_ids = true});
  ASSERT_TRUE(stream.next());
  stream.cancel();
  while (stream.next()) {
  }
  EXPECT_EQ(stream.finish_reason(), FinishReason::cancelled);
  EXPECT_LT(stream.stats().completion_tokens, 50'000);
}

TEST_F(Generation, BadRequestsAreRefused) {
  const auto refused = [&](TextRequest r) { engine_.generate(model_, std::move(r)); };
  EXPECT_ERROR(refused({.prompt = {}}), ErrorCode::invalid_argument, "the prompt has no tokens");
  EXPECT_ERROR(refused({.prompt = {512}}), ErrorCode::invalid_argument,
               "token id 512 is outside the vocabulary of 512");
  EXPECT_ERROR(refused({.prompt = {-1}}), ErrorCode::invalid_argument, "token id -1");
  EXPECT_ERROR(refused({.prompt = {1}, .max_tokens = 0}), ErrorCode::invalid_argument,
               "max_tokens is 0");
  EXPECT_ERROR(refused({.prompt = {1}, .sampling = {.top_p = 3}}), ErrorCode::invalid_argument,
               "top_p is 3");
}

}  // namespace
}  // namespace ominix
