#include <gtest/gtest.h>

#include "support/text_family.h"

namespace ominix {
namespace {

class Qwen3 : public ::testing::TestWithParam<const char*> {};

TEST_P(Qwen3, MatchesReference) { testing::expect_matches_reference(GetParam()); }

INSTANTIATE_TEST_SUITE_P(Goldens, Qwen3, ::testing::Values("qwen3-untied", "qwen3-tied"));

}  // namespace
}  // namespace ominix
