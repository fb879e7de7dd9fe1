#include <gtest/gtest.h>

#include "support/text_family.h"

namespace ominix {
namespace {

class Qwen2 : public ::testing::TestWithParam<const char*> {};

TEST_P(Qwen2, MatchesReference) { testing::expect_matches_reference(GetParam()); }

INSTANTIATE_TEST_SUITE_P(Goldens, Qwen2,
                         ::testing::Values("qwen2-untied", "qwen2-tied", "qwen2-window"));

}  // namespace
}  // namespace ominix
