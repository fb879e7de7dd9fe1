#include "runtime/answer_text.h"

#include <gtest/gtest.h>

namespace ominix::runtime {
namespace {

// What comes out when `text` arrives in pieces of `size`.
std::string through(std::vector<std::string> stops, std::string_view text, size_t size) {
  StopTexts s(std::move(stops));
  std::string out;
  for (size_t at = 0; at < text.size(); at += size) out += s.push(text.substr(at, size));
  return out + s.finish();
}

TEST(StopTexts, CutBeforeTheFirstWhateverThePieces) {
  for (size_t size = 1; size < 12; ++size) {
    EXPECT_EQ(through({"###", "END"}, "one #two## EN###three END", size), "one #two## EN");
    EXPECT_EQ(through({"aab"}, "aaaab", size), "aa");
    EXPECT_EQ(through({"xyz"}, "abc xy", size), "abc xy");
    EXPECT_EQ(through({}, "abc", size), "abc");
    EXPECT_EQ(through({""}, "abc", size), "abc");
  }
}

TEST(StopTexts, HoldsBackOnlyWhatMayBecomeAStop) {
  StopTexts s({"<end>"});
  EXPECT_EQ(s.push("hello <"), "hello ");
  EXPECT_EQ(s.push("b"), "<b");
  EXPECT_EQ(s.push("<end"), "");
  EXPECT_FALSE(s.found());
  EXPECT_EQ(s.push("> more"), "");
  EXPECT_TRUE(s.found());
  EXPECT_EQ(s.push("more"), "");
  EXPECT_EQ(s.finish(), "");
}

}  // namespace
}  // namespace ominix::runtime
