#include "text/regex/regex.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "support/expect_error.h"

namespace ominix::text {
namespace {

using Found = std::vector<std::string>;

Found find_all(std::string_view pattern, std::string_view text) {
  const Regex regex(pattern);
  Regex::Matches matches(regex, text);
  Found out;
  for (size_t begin, end; matches.next(begin, end);) {
    out.emplace_back(text.substr(begin, end - begin));
  }
  return out;
}

TEST(Regex, FindsInOrder) {
  EXPECT_EQ(find_all("a|ab", "abab"), (Found{"a", "a"}));
  EXPECT_EQ(find_all("(?:ab|a)b?", "abbab"), (Found{"abb", "ab"}));
  EXPECT_EQ(find_all("a+?b*", "aabb"), (Found{"a", "abb"}));
  EXPECT_EQ(find_all("[a-c&&[^b]]+", "abcab"), (Found{"a", "ca"}));
  EXPECT_EQ(find_all(R"(\p{Lu}\p{Ll}+)", "ÄpfelUnd"), (Found{"Äpfel", "Und"}));
  EXPECT_EQ(find_all(R"(\d{2,3})", "1234567"), (Found{"123", "456"}));
  EXPECT_EQ(find_all("x*", "axb"), (Found{"", "x", ""}));
  EXPECT_EQ(find_all("(?i:straSSE|k)", "STRASSE \u212A"), (Found{"STRASSE", "\u212A"}));
  EXPECT_EQ(find_all(R"([\p{Han}]+)", "中文abc漢字"), (Found{"中文", "漢字"}));
  EXPECT_EQ(find_all(R"(\bfoo\b)", "foo food foo"), (Found{"foo", "foo"}));
  EXPECT_EQ(find_all("^a|b$", "a\nab"), (Found{"a", "a", "b"}));
}

TEST(Regex, LooksAround) {
  EXPECT_EQ(find_all(R"(\s+(?!\S)|\s+)", "a   b  "), (Found{"  ", " ", "  "}));
  EXPECT_EQ(find_all(R"((?<=a)b|(?<!a)c)", "abcac"), (Found{"b", "c"}));
  EXPECT_EQ(find_all(R"(\d{1,3}(?=(?:\d{3})*(?!\d)))", "1234567"), (Found{"1", "234", "567"}));
  EXPECT_EQ(find_all(R"(a(?=b++c))", "abbcabd"), (Found{"a"}));
}

TEST(Regex, PossessiveRunsGiveNothingBack) {
  EXPECT_EQ(find_all("a++a", "aaa"), Found{});
  EXPECT_EQ(find_all("[^a]?+b", "xbb"), Found{"xb"});
}

// Each of these takes forever in an engine that tries every way.
TEST(Regex, IsLinear) {
  const std::string text(200'000, 'a');
  EXPECT_EQ(find_all("(?:a+)+b", text), Found{});
  EXPECT_EQ(find_all("(?:a|aa)+b", text), Found{});
  EXPECT_EQ(find_all("a(?=a*b)", text), Found{});
  EXPECT_EQ(find_all("(?:a?){20}b", text.substr(0, 20'000)), Found{});
  EXPECT_EQ(find_all(".*x|a", text).size(), text.size());
}

TEST(Regex, RefusesWhatItCannotRun) {
  for (const char* p :
       {"(", ")", "[a", "a**b)", "+", "\\", "(?y)", "[b-a]", "\\x{110000}", "(?<n"}) {
    EXPECT_ERROR(Regex{p}, ErrorCode::corrupt_data, "regex: ");
  }
  for (const char* p :
       {"(a)\\1", "(?>ab)c", "(?<=ab)c", "(?:a*)*", "\\X", "\\p{Nonsense}", "(ab)++"}) {
    EXPECT_ERROR(Regex{p}, ErrorCode::unsupported, "");
  }
  EXPECT_ERROR(Regex{"a{2000}"}, ErrorCode::too_big, "1000");
  EXPECT_ERROR(Regex{"(?:(?:a{1000}){1000}){1000}"}, ErrorCode::too_big, "steps");
  EXPECT_ERROR(Regex{std::string(100'000, '(')}, ErrorCode::too_big, "");
  EXPECT_ERROR(Regex{std::string(500, '(')}, ErrorCode::too_big, "deep");
  EXPECT_ERROR(Regex{"a\xFF"}, ErrorCode::corrupt_data, "UTF-8");
}

}  // namespace
}  // namespace ominix::text
