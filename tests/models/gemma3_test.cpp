#include <gtest/gtest.h>

#include "support/text_family.h"

namespace ominix {
namespace {

class Gemma3 : public ::testing::TestWithParam<const char*> {};

TEST_P(Gemma3, MatchesReference) { testing::expect_matches_reference(GetParam()); }

INSTANTIATE_TEST_SUITE_P(Goldens, Gemma3,
                         ::testing::Values("gemma3-layer_types", "gemma3-pattern"));

}  // namespace
}  // namespace ominix
