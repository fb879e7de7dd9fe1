#include <gtest/gtest.h>

#include "support/text_family.h"

namespace ominix {
namespace {

class Llama : public ::testing::TestWithParam<const char*> {};

TEST_P(Llama, MatchesReference) { testing::expect_matches_reference(GetParam()); }

INSTANTIATE_TEST_SUITE_P(Goldens, Llama,
                         ::testing::Values("llama-default", "llama-llama3", "llama-linear",
                                           "llama-bias", "llama-yarn", "llama-longrope",
                                           "llama-dynamic", "llama-dynamic-beyond"));

}  // namespace
}  // namespace ominix
