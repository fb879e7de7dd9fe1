#include "base/dtype.h"

#include <gtest/gtest.h>

namespace ominix {
namespace {

TEST(DType, CountsBytes) {
  EXPECT_EQ(checked_bytes(DType::f32, 10), 40u);
  EXPECT_EQ(checked_bytes(DType::q4_0, 64), 36u);
  EXPECT_EQ(checked_bytes(DType::q6_k, 256), 210u);
  EXPECT_EQ(checked_bytes(DType::q4_0, 33), std::nullopt);
  EXPECT_EQ(checked_bytes(DType::f64, 1ull << 60), std::nullopt);
  EXPECT_EQ(to_string(DType::nvfp4), "nvfp4");
}

}  // namespace
}  // namespace ominix
