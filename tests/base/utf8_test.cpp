#include "base/utf8.h"

#include <gtest/gtest.h>

namespace ominix::utf8 {
namespace {

TEST(Utf8, EveryScalarRoundTrips) {
  for (char32_t c = 0; c <= 0x10FFFF; ++c) {
    if (c >= 0xD800 && c < 0xE000) continue;
    std::string text;
    append(text, c);
    size_t at = 0;
    bool valid = false;
    ASSERT_EQ(decode(text, at, &valid), c);
    ASSERT_TRUE(valid);
    ASSERT_EQ(at, text.size());
    for (size_t cut = 1; cut < text.size(); ++cut) {
      ASSERT_EQ(complete_prefix(std::string_view(text).substr(0, cut)), 0u);
    }
    ASSERT_EQ(complete_prefix(text), text.size());
  }
}

TEST(Utf8, ReplacesMaximalSubparts) {
  // The example of Unicode 15, table 3-8.
  EXPECT_EQ(sanitize("\x61\xF1\x80\x80\xE1\x80\xC2\x62\x80\x63\x80\xBF\x64"),
            "a\uFFFD\uFFFD\uFFFDb\uFFFDc\uFFFD\uFFFDd");
  EXPECT_EQ(sanitize("\xED\xA0\x80"), "\uFFFD\uFFFD\uFFFD");  // a surrogate
  EXPECT_FALSE(is_valid("\xC0\x80"));                         // overlong
  EXPECT_TRUE(is_valid("z\u00DF\u6C34\U0001F34C"));
}

TEST(Utf8, CompletePrefixLetsBrokenBytesThrough) {
  EXPECT_EQ(complete_prefix("ab\xE2\x82"), 2u);
  EXPECT_EQ(complete_prefix("ab\xFF"), 3u);
  EXPECT_EQ(complete_prefix("ab\x80\x80"), 4u);
  EXPECT_EQ(complete_prefix(""), 0u);
}

}  // namespace
}  // namespace ominix::utf8
