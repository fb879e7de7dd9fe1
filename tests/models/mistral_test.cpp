#include <gtest/gtest.h>

#include "support/text_family.h"

namespace ominix {
namespace {

class Mistral : public ::testing::TestWithParam<const char*> {};

TEST_P(Mistral, MatchesReference) { testing::expect_matches_reference(GetParam()); }

INSTANTIATE_TEST_SUITE_P(Goldens, Mistral, ::testing::Values("mistral-window", "mistral-full"));

}  // namespace
}  // namespace ominix
