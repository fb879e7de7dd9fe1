#pragma once

#include <string>

namespace ominix::testing {

// Holds a text family against its committed golden case: taps in the order of the computation (the
// first stage that differs is named), logits within 1e-4 of the reference, greedy tokens equal; a
// left-padded ragged batch, prompts read in pieces of 1, 7 and 64 tokens, and each row of a batch equal
// to the row alone.
void expect_matches_reference(const std::string& golden_case);

}  // namespace ominix::testing
