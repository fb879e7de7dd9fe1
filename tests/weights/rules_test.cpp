#include "weights/rules.h"

#include <gtest/gtest.h>

#include "base/glob.h"
#include "support/expect_error.h"
#include "support/memory_tensors.h"

namespace ominix::weights {
namespace {

using testing::stored;
using testing::values_of;

std::vector<std::string> names(const TensorMap& tensors) {
  std::vector<std::string> out;
  for (const auto& [name, t] : tensors) out.push_back(name);
  return out;
}

TEST(Glob, StarsStandForAnyText) {
  EXPECT_TRUE(matches("a.*.c", "a.b.c"));
  EXPECT_TRUE(matches("*", ""));
  EXPECT_TRUE(matches("*.c", "c.c.c"));
  EXPECT_FALSE(matches("a.*.c", "a.c"));
  EXPECT_FALSE(matches("a", "ab"));
  EXPECT_FALSE(matches("ab*b", "ab"));
  EXPECT_EQ(match_stars("x.*.y.*", "x.1.y.2.3"), (std::vector<std::string>{"1", "2.3"}));
  // Many stars on a long text stay fast.
  EXPECT_FALSE(matches(std::string("*a*a*a*a*a*a*a*a*a*b"), std::string(100'000, 'a')));
}

TEST(Rules, RenameAndDropTwiceChangeNothingMore) {
  const Rules rules = {drop("*.inv_freq"), rename("blk.*.attn_q.*", "layers.*.q_proj.*")};
  TensorMap t;
  t.emplace("blk.0.attn_q.weight", stored({1}, {1}));
  t.emplace("rotary.inv_freq", stored({1}, {1}));
  apply(rules, t);
  apply(rules, t);
  EXPECT_EQ(names(t), std::vector<std::string>{"layers.0.q_proj.weight"});
}

TEST(Rules, TwoTensorsOfOneNameAreAnError) {
  TensorMap t;
  t.emplace("a.x", stored({1}, {1}));
  t.emplace("b.x", stored({1}, {1}));
  EXPECT_ERROR(apply({rename("a.*", "b.*")}, t), ErrorCode::corrupt_data,
               "two tensors of the checkpoint mean 'b.x'");
}

TEST(Rules, ReorderRowsMovesWholeRows) {
  TensorMap t;
  t.emplace("q", stored({3, 2}, {0, 1, 10, 11, 20, 21}));
  apply({reorder_rows("q", [](int64_t row, int64_t rows) { return rows - 1 - row; })}, t);
  EXPECT_EQ(values_of(t.at("q")), (std::vector<float>{20, 21, 10, 11, 0, 1}));
  std::vector<float> middle(2);
  t.at("q").read(8, std::as_writable_bytes(std::span(middle)));
  EXPECT_EQ(middle, (std::vector<float>{10, 11}));
}

TEST(Rules, SplitRowsInHalf) {
  TensorMap t;
  t.emplace("m.gate_up.weight", stored({4, 1}, {1, 2, 3, 4}));
  const Rule split = split_rows_in_half("*.gate_up.*", "*.gate.*", "*.up.*");
  apply({split, split}, t);
  EXPECT_EQ(values_of(t.at("m.gate.weight")), (std::vector<float>{1, 2}));
  EXPECT_EQ(values_of(t.at("m.up.weight")), (std::vector<float>{3, 4}));
  TensorMap odd;
  odd.emplace("m.gate_up.weight", stored({3, 1}, {1, 2, 3}));
  EXPECT_ERROR(split(odd), ErrorCode::corrupt_data, "expected an even number of rows");
}

TEST(Rules, SplitStackNumbersItsParts) {
  TensorMap t;
  t.emplace("l.0.switch.gate.weight", stored({2, 2, 2}, {1, 2, 3, 4, 5, 6, 7, 8}));
  t.emplace("l.0.switch.gate.bias", stored({2, 2}, {1, 2, 3, 4}));
  const Rule split = split_stack("*.switch.gate.*", "*.switch.gate.#.*");
  apply({split, split}, t);
  EXPECT_EQ(names(t),
            (std::vector<std::string>{"l.0.switch.gate.0.weight", "l.0.switch.gate.1.weight",
                                      "l.0.switch.gate.bias"}));
  EXPECT_EQ(t.at("l.0.switch.gate.1.weight").shape, (Shape{2, 2}));
  EXPECT_EQ(values_of(t.at("l.0.switch.gate.1.weight")), (std::vector<float>{5, 6, 7, 8}));
}

TEST(Rules, AddToValues) {
  TensorMap t;
  t.emplace("a.norm.weight", stored({3}, {1, 2, 3}));
  apply({add_to_values("*norm.weight", -1.0f)}, t);
  EXPECT_EQ(values_of(t.at("a.norm.weight")), (std::vector<float>{0, 1, 2}));
  t.at("a.norm.weight").type = DType::f16;
  EXPECT_ERROR(apply({add_to_values("*norm.weight", 1.0f)}, t), ErrorCode::unsupported,
               "'a.norm.weight' has type f16");
}

TEST(QuantizationConfig, PartsOfAStackHaveItsSetting) {
  QuantizationConfig q;
  q.modules["mlp.switch.gate"] = {.bits = 8};
  q.modules["mlp.switch.gate.1"] = {.bits = 2};
  EXPECT_EQ(q.of("mlp.switch.gate").bits, 8);
  EXPECT_EQ(q.of("mlp.switch.gate.0").bits, 8);
  EXPECT_EQ(q.of("mlp.switch.gate.1").bits, 2);
  EXPECT_EQ(q.of("mlp.switch.gate.x").bits, 4);
  EXPECT_EQ(q.of("other.0").bits, 4);
  EXPECT_EQ(q.of("0").bits, 4);
}

}  // namespace
}  // namespace ominix::weights
