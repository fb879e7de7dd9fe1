#include <gtest/gtest.h>

#include "support/text_family.h"

namespace ominix {
namespace {

class Qwen3Moe : public ::testing::TestWithParam<const char*> {};

TEST_P(Qwen3Moe, MatchesReference) { testing::expect_matches_reference(GetParam()); }

INSTANTIATE_TEST_SUITE_P(Goldens, Qwen3Moe,
                         ::testing::Values("qwen3_moe-renormalised", "qwen3_moe-dense_layers"));

}  // namespace
}  // namespace ominix
