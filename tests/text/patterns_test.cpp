#include "text/patterns.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "base/utf8.h"
#include "text/regex/regex.h"

namespace ominix::text {
namespace {

using Cuts = std::vector<std::string>;

Cuts by_engine(const Regex& regex, std::string_view text) {
  Cuts out;
  size_t done = 0;
  Regex::Matches matches(regex, text);
  for (size_t begin, end; matches.next(begin, end);) {
    EXPECT_EQ(begin, done);
    out.emplace_back(text.substr(begin, end - begin));
    done = end;
  }
  EXPECT_EQ(done, text.size());
  return out;
}

Cuts by_hand(const KnownPattern& pattern, std::string_view text) {
  Cuts out;
  for (size_t at = 0; at < text.size();) {
    const size_t end = pattern.match(text, at);
    out.emplace_back(text.substr(at, end - at));
    EXPECT_GT(end, at);
    at = end;
  }
  return out;
}

TEST(Patterns, HandWrittenMatchersEqualTheEngine) {
  const char32_t pool[] = {U'a',    U'B',   U's',  U't',  U'\'',  U'l',    U'e',   U'r',
                           U'1',    U'9',   U' ',  U' ',  U'\n',  U'\r',   U'\t',  U'.',
                           U'-',    0x17F,  0xE9,  0x301, 0x4E2D, 0x3000,  0xA0,   0x85,
                           0x1F642, 0x200D, 0x661, 0xBD,  0x2028, 0x10400, 0xFFFD, 0x0};
  std::mt19937 random(7);
  for (const auto pattern : {kGpt2Pattern, kQwen2Pattern, kLlama3Pattern, kQwen35Pattern}) {
    const auto known = KnownPattern::of(pattern);
    ASSERT_TRUE(known);
    const Regex regex(pattern);
    for (int round = 0; round < 3000; ++round) {
      std::string text;
      for (size_t n = random() % 24; n > 0; --n)
        utf8::append(text, pool[random() % std::size(pool)]);
      ASSERT_EQ(by_hand(*known, text), by_engine(regex, text)) << pattern << "\n" << text;
    }
  }
}

TEST(Patterns, AreKnownOnlyExactly) {
  EXPECT_FALSE(KnownPattern::of(R"(\p{L}+)"));
  EXPECT_FALSE(KnownPattern::of(std::string(kGpt2Pattern) + " "));
}

}  // namespace
}  // namespace ominix::text
