#include <gtest/gtest.h>

#include "support/text_family.h"

namespace ominix {
namespace {

class Mixtral : public ::testing::TestWithParam<const char*> {};

TEST_P(Mixtral, MatchesReference) { testing::expect_matches_reference(GetParam()); }

INSTANTIATE_TEST_SUITE_P(Goldens, Mixtral, ::testing::Values("mixtral-experts", "mixtral-window"));

}  // namespace
}  // namespace ominix
