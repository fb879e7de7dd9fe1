#include "kernels/kv.h"

#include "kernels/kv_blocks.h"
#include "support/expect_error.h"

namespace ominix::kernels {
namespace {

TEST(KvState, GrowsByBlocks) {
  KvState state({2, 8, 8});
  EXPECT_EQ(state.bytes(), 0u);
  append(state, 1);
  const uint64_t one = state.bytes();
  EXPECT_GE(one, 2u * 256 * (8 + 16) * sizeof(float));
  append(state, 255);
  EXPECT_EQ(state.bytes(), one);
  append(state, 1);
  EXPECT_EQ(state.bytes(), 2 * one);
  EXPECT_EQ(state.length(), 257);
  state.truncate(256);
  EXPECT_EQ(state.bytes(), one);
  state.truncate(0);
  EXPECT_EQ(state.bytes(), 0u);
}

TEST(KvState, CopiesShareUntilOneWrites) {
  KvState a({1, 8, 8});
  append(a, 300);
  KvState b = a;
  EXPECT_TRUE(append(b, 1).copies.size() == 1);
  EXPECT_TRUE(append(b, 1).copies.empty());
  EXPECT_TRUE(append(a, 1).copies.empty());
  KvState c = a;
  {
    const KvState gone = std::move(c);
  }
  EXPECT_TRUE(append(a, 1).copies.empty());
}

TEST(KvState, WindowDropsBlocks) {
  KvState state({1, 8, 8, 100});
  append(state, 300);
  const uint64_t two = state.bytes();
  append(state, 56);  // the next query sees tokens 257 and later
  EXPECT_LT(state.bytes(), two);
  const KvAppend plan = append(state, 700);
  EXPECT_EQ(plan.first, 1);
  EXPECT_EQ(plan.blocks.size(), 4u);
  EXPECT_EQ(state.bytes(), two);
  state.truncate(1000);
  EXPECT_ERROR(state.truncate(500), ErrorCode::invalid_argument, "window of 100");
  EXPECT_ERROR(state.truncate(1001), ErrorCode::invalid_argument, "0 to 1000");
  EXPECT_ERROR(state.truncate(-1), ErrorCode::invalid_argument, "-1");
  state.truncate(0);
  EXPECT_EQ(append(state, 1).first, 0);
}

TEST(KvState, RefusesBadSpecs) {
  EXPECT_ERROR(KvState({0, 8, 8}), ErrorCode::invalid_argument, "0 heads");
  EXPECT_ERROR(KvState({1, 8, -8}), ErrorCode::invalid_argument, "-8");
  EXPECT_ERROR(KvState({1, 1 << 20, 8}), ErrorCode::invalid_argument, "1048576");
  EXPECT_ERROR(KvState({1, 8, 8, -1}), ErrorCode::invalid_argument, "window -1");
}

}  // namespace
}  // namespace ominix::kernels
