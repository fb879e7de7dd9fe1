#include <gtest/gtest.h>

#include "support/text_family.h"

namespace ominix {
namespace {

class Glm4 : public ::testing::TestWithParam<const char*> {};

TEST_P(Glm4, MatchesReference) { testing::expect_matches_reference(GetParam()); }

INSTANTIATE_TEST_SUITE_P(Goldens, Glm4, ::testing::Values("glm4-bias", "glm4-plain"));

}  // namespace
}  // namespace ominix
