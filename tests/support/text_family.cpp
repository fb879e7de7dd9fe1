#include "support/text_family.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "support/golden.h"

namespace ominix::testing {
namespace {

constexpr double kTolerance = 1e-4;  // float32, a few layers

// Taps in the order in which they are computed.
std::vector<std::string> stages(const Golden& golden) {
  std::vector<std::string> out = {"embed"};
  for (int layer = 0; golden.has("layers." + std::to_string(layer)); ++layer) {
    const std::string prefix = "layers." + std::to_string(layer);
    for (const std::string& name : {prefix + ".attn", prefix + ".mlp", prefix}) {
      if (golden.has(name)) out.push_back(name);
    }
  }
  out.emplace_back("norm");
  return out;
}

// Rows of `logits` where the mask is one.
std::vector<float> unpadded(const Values& logits, const Values& mask) {
  const auto width = static_cast<size_t>(logits.shape.back());
  std::vector<float> out;
  for (size_t t = 0; t < mask.ints.size(); ++t) {
    if (mask.ints[t] == 0) continue;
    const auto row = logits.floats.begin() + static_cast<std::ptrdiff_t>(t * width);
    out.insert(out.end(), row, row + static_cast<std::ptrdiff_t>(width));
  }
  return out;
}

}  // namespace

void expect_matches_reference(const std::string& golden_case) {
  SCOPED_TRACE(golden_case);
  const Golden golden(golden_case);
  Engine engine({.exact = true});
  const auto model = engine.load(golden.model());
  EXPECT_TRUE(model->info().warnings.empty()) << model->info().warnings.front();

  const auto single = golden.eval(engine, model, Golden::Input::single, {.taps = "*"});
  for (const std::string& stage : stages(golden)) {
    ASSERT_TRUE(single.contains(stage)) << "no tap " << stage;
    ASSERT_LE(relative_error(single.at(stage).floats, golden[stage].floats), kTolerance)
        << "first stage that differs: " << stage;
  }
  EXPECT_LE(relative_error(single.at("logits").floats, golden["logits_single"].floats), kTolerance);

  const Values expected = golden["logits"], mask = golden["attention_mask"];
  const bool has_greedy = golden.has("greedy");
  const int steps = has_greedy ? static_cast<int>(golden["greedy"].shape[1]) : 0;
  std::vector<float> whole;
  for (const int chunk : {0, 1, 7, 64}) {
    SCOPED_TRACE("pieces of " + std::to_string(chunk));
    const auto batch = golden.eval(engine, model, Golden::Input::batch,
                                   {.max_tokens = steps, .prefill_chunk = chunk});
    const Values& logits = batch.at("logits");
    EXPECT_EQ(logits.shape, expected.shape);
    EXPECT_LE(relative_error(unpadded(logits, mask), unpadded(expected, mask)), kTolerance);
    if (has_greedy) {
      EXPECT_EQ(batch.at("greedy").ints, golden["greedy"].ints);
    }
    // How a prompt is cut changes no bit.
    if (chunk == 0) whole = logits.floats;
    EXPECT_EQ(logits.floats, whole);
  }
}

}  // namespace ominix::testing
