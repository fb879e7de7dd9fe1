#include <gtest/gtest.h>

#include "support/text_family.h"

namespace ominix {
namespace {

class Glm4Moe : public ::testing::TestWithParam<const char*> {};

TEST_P(Glm4Moe, MatchesReference) { testing::expect_matches_reference(GetParam()); }

INSTANTIATE_TEST_SUITE_P(Goldens, Glm4Moe, ::testing::Values("glm4_moe-plain", "glm4_moe-groups"));

}  // namespace
}  // namespace ominix
