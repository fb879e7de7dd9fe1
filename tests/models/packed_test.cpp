#include <gtest/gtest.h>

#include "support/text_family.h"

// Folders that mlx-lm wrote, against transformers on the dequantized weights.
namespace ominix {
namespace {

class Packed : public ::testing::TestWithParam<const char*> {};

TEST_P(Packed, MatchesTheReferenceOnTheDequantizedWeights) {
  testing::expect_matches_reference(GetParam());
}

INSTANTIATE_TEST_SUITE_P(Goldens, Packed,
                         ::testing::Values("packed-widths", "packed-affine", "packed-float32",
                                           "packed-mxfp4"));

}  // namespace
}  // namespace ominix
