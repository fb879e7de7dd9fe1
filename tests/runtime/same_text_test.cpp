#include <gtest/gtest.h>
#include <ominix/engine.h>
#include <ominix/tokenizer.h>

#include "support/collect.h"

// The same seed gives the same text: alone, beside others, in pieces, in a new engine, on one
// thread and on two. With either arithmetic.
namespace ominix {
namespace {

using testing::collect;

const std::filesystem::path kStories = std::filesystem::path(OMINIX_TEST_DATA) / "data/stories260k";

// A setting for each part of the chain that keeps something from token to token or looks back.
const Sampling kSettings[] = {
    {.temperature = 1, .seed = 5},
    {.temperature = 0.9f, .top_k = 40, .top_p = 0.95f, .min_p = 0.01f, .seed = 6},
    {.temperature = 1,
     .typical_p = 0.9f,
     .xtc_probability = 0.5f,
     .xtc_threshold = 0.05f,
     .seed = 7},
    {.temperature = 1, .mirostat = 1, .seed = 8},
    {.temperature = 1, .mirostat = 2, .seed = 9},
    {.temperature = 1,
     .repetition_penalty = 1.2f,
     .presence_penalty = 0.3f,
     .frequency_penalty = 0.2f,
     .seed = 10},
    {.temperature = 1, .top_n_sigma = 1.5f, .dry_multiplier = 0.8f, .seed = 11},
    {},
};

class SameText : public ::testing::TestWithParam<bool> {
 protected:
  struct Setup {
    int threads = 1;
    int chunk = 512;
    bool together = false;
  };

  // The ids of every setting's answer.
  std::vector<std::vector<int32_t>> answers(const Setup& setup) const {
    Engine engine({.threads = setup.threads, .exact = GetParam(), .prefill_chunk = setup.chunk});
    const auto model = engine.load(kStories / "stories260K-q8_0.gguf");
    const auto prompt =
        model->tokenizer().encode("Once upon a time there was a little dog. He liked");
    std::vector<TextStream> streams;
    std::vector<std::vector<int32_t>> out;
    for (const Sampling& sampling : kSettings) {
      streams.push_back(engine.generate(
          model,
          {.prompt = prompt, .max_tokens = 40, .sampling = sampling, .ignore_stop_ids = true}));
      if (!setup.together) out.push_back(collect(std::move(streams.back())).ids);
    }
    if (setup.together) {
      for (TextStream& stream : streams) out.push_back(collect(std::move(stream)).ids);
    }
    return out;
  }
};

TEST_P(SameText, WhateverRunsBesideAndHowItIsCut) {
  const auto alone = answers({});
  for (const auto& ids : alone) EXPECT_EQ(ids.size(), 40u);
  for (size_t i = 1; i < alone.size(); ++i) EXPECT_NE(alone[i], alone[i - 1]);
  EXPECT_EQ(answers({}), alone) << "in a new engine";
  EXPECT_EQ(answers({.together = true}), alone) << "beside seven others";
  EXPECT_EQ(answers({.chunk = 1}), alone) << "prompt in pieces of 1";
  EXPECT_EQ(answers({.chunk = 7, .together = true}), alone) << "beside others, in pieces of 7";
  EXPECT_EQ(answers({.threads = 2}), alone) << "on two threads";
  EXPECT_EQ(answers({.threads = 2, .together = true}), alone) << "on two threads beside others";
}

INSTANTIATE_TEST_SUITE_P(Arithmetic, SameText, ::testing::Bool(),
                         [](const auto& exact) { return exact.param ? "exact" : "fast"; });

}  // namespace
}  // namespace ominix
