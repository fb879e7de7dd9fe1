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
  EXPECT_ERROR(apply({rename("a.*", "b.*")}, t), ErrorCode::corrupt_data, "two tensors of the checkpoint mean 'b.x'");
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

}  // namespace
}  // namespace ominix::weights
