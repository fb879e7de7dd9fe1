#include "text/unicode/unicode.h"

#include <gtest/gtest.h>

namespace ominix::text::unicode {
namespace {

TEST(Unicode, Categories) {
  EXPECT_EQ(category('a'), Category::Ll);
  EXPECT_EQ(category(0x4E2D), Category::Lo);
  EXPECT_EQ(category(0x1F642), Category::So);
  EXPECT_EQ(category(0x1C89), Category::Lu);  // new in 16.0
  EXPECT_EQ(category(0x10FFFF), Category::Cn);
  EXPECT_TRUE(is_word('_'));
  EXPECT_FALSE(is_word('-'));
}

TEST(Unicode, Forms) {
  EXPECT_EQ(normalize("e\u0301", Form::nfc), "\u00E9");
  EXPECT_EQ(normalize("\u00E9", Form::nfd), "e\u0301");
  EXPECT_EQ(normalize("\uFB01\u2460", Form::nfkc), "fi1");
  EXPECT_EQ(normalize("\u1112\u1161\u11AB", Form::nfc), "\uD55C");
  EXPECT_EQ(normalize("\uD55C", Form::nfd), "\u1112\u1161\u11AB");
  EXPECT_EQ(normalize("a\u0315\u0300\u05AE\u0062", Form::nfc), "\u00E0\u05AE\u0315b");
  EXPECT_EQ(normalize("\u212B", Form::nfc), "\u00C5");
  // Younger than the data: neither decomposed nor reordered.
  EXPECT_EQ(normalize("\U00011938", Form::nfd), "\U00011938");
  EXPECT_EQ(normalize("a\u0301\u1DF9", Form::nfd), "a\u0301\u1DF9");
  EXPECT_TRUE(is_surely_normal("plain \u4E2D\u6587", Form::nfc));
  EXPECT_FALSE(is_surely_normal("e\u0301", Form::nfc));
}

TEST(Unicode, Case) {
  std::string out;
  append_lower(out, 0x130);
  append_upper(out, 0xDF);
  EXPECT_EQ(out, "i\u0307SS");
  EXPECT_EQ(fold('K'), fold(0x212A));
  EXPECT_EQ(fold('s'), fold(0x17F));
  EXPECT_NE(fold('a'), fold('b'));
}

}  // namespace
}  // namespace ominix::text::unicode
