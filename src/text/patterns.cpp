#include "text/patterns.h"

#include <array>
#include <cstdint>

#include "base/utf8.h"
#include "text/unicode/unicode.h"

namespace ominix::text {
namespace {

using unicode::CategorySet;

enum : uint8_t { kL = 1, kN = 2, kM = 4, kSpace = 8, kLine = 16 };

uint8_t classify(char32_t c) {
  const CategorySet category = unicode::bit(unicode::category(c));
  uint8_t bits = 0;
  if (category & unicode::kLetter) bits |= kL;
  if (category & unicode::kNumber) bits |= kN;
  if (category & unicode::kMark) bits |= kM;
  if (unicode::is_space(c)) bits |= kSpace;
  if (c == '\r' || c == '\n') bits |= kLine;
  return bits;
}

constexpr std::array<uint8_t, 128> kAscii = [] {
  std::array<uint8_t, 128> table{};
  for (size_t c = 0; c < 128; ++c) {
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')) table[c] |= kL;
    if (c >= '0' && c <= '9') table[c] |= kN;
    if (c == ' ' || (c >= 9 && c <= 13)) table[c] |= kSpace;
    if (c == '\r' || c == '\n') table[c] |= kLine;
  }
  return table;
}();

struct Char {
  char32_t code = 0;
  uint8_t bits = 0;
  size_t end = 0;  // behind the character; 0 past the end of the text
  bool is(uint8_t any) const { return bits & any; }
  bool none(uint8_t any) const { return end != 0 && !(bits & any); }
};

Char char_at(std::string_view text, size_t at) {
  if (at >= text.size()) return {};
  const auto first = static_cast<unsigned char>(text[at]);
  if (first < 0x80) return {first, kAscii[first], at + 1};
  Char c;
  c.code = utf8::decode(text, at);
  c.bits = classify(c.code);
  c.end = at;
  return c;
}

size_t while_any(std::string_view text, size_t at, uint8_t any) {
  for (Char c = char_at(text, at); c.is(any); c = char_at(text, at)) at = c.end;
  return at;
}

size_t while_none(std::string_view text, size_t at, uint8_t any) {
  for (Char c = char_at(text, at); c.none(any); c = char_at(text, at)) at = c.end;
  return at;
}

// 's 't 're 've 'm 'll 'd behind the apostrophe at `at`; 0 when there is none of them. Without
// case, s is also U+017F.
template <bool kAnyCase>
size_t contraction(std::string_view text, size_t at) {
  const auto letter = [&](size_t i) -> char {
    if (i >= text.size()) return 0;
    const char c = text[i];
    return kAnyCase && c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  };
  switch (letter(at + 1)) {
    case 's':
    case 't':
    case 'm':
    case 'd':
      return at + 2;
    case 'r':
    case 'v':
      return letter(at + 2) == 'e' ? at + 3 : 0;
    case 'l':
      return letter(at + 2) == 'l' ? at + 3 : 0;
    default:
      return kAnyCase && text.substr(at + 1, 2) == "\u017F" ? at + 3 : 0;
  }
}

// \s+(?!\S)|\s+ for a run of white space [begin, end): all of it at the end of the text, else all
// but its last character, if something is left.
size_t spaces(std::string_view text, size_t begin, size_t end) {
  if (end == text.size()) return end;
  size_t last = end - 1;
  while ((static_cast<unsigned char>(text[last]) & 0xC0) == 0x80) --last;
  return last > begin ? last : end;
}

size_t match_gpt2(std::string_view text, size_t begin) {
  const Char first = char_at(text, begin);
  if (first.code == '\'') {
    if (const size_t end = contraction<false>(text, begin)) return end;
  }
  const Char c = first.code == ' ' ? char_at(text, first.end) : first;
  if (c.is(kL)) return while_any(text, c.end, kL);
  if (c.is(kN)) return while_any(text, c.end, kN);
  if (c.none(kSpace)) return while_none(text, c.end, kSpace | kL | kN);
  return spaces(text, begin, while_any(text, first.end, kSpace));
}

template <int kDigits, bool kMarks>
size_t match_words(std::string_view text, size_t begin) {
  constexpr uint8_t kWord = kMarks ? kL | kM : kL;
  const Char first = char_at(text, begin);
  if (first.code == '\'') {
    if (const size_t end = contraction<true>(text, begin)) return end;
  }
  if (first.is(kL)) return while_any(text, first.end, kWord);
  const Char second = char_at(text, first.end);
  if (!first.is(kN | kLine)) {
    if (second.is(kWord)) return while_any(text, second.end, kWord);
    if (kMarks && first.is(kM)) return first.end;
  }
  if (first.is(kN)) {
    size_t end = first.end;
    for (int i = 1; i < kDigits; ++i) {
      const Char digit = char_at(text, end);
      if (!digit.is(kN)) break;
      end = digit.end;
    }
    return end;
  }
  const Char c = first.code == ' ' ? second : first;
  if (c.none(kSpace | kWord | kN)) {
    return while_any(text, while_none(text, c.end, kSpace | kWord | kN), kLine);
  }
  // White space: up to its last line end if there is one.
  size_t end = begin, line_end = 0;
  for (Char s = first; s.is(kSpace); s = char_at(text, end)) {
    end = s.end;
    if (s.is(kLine)) line_end = end;
  }
  return line_end != 0 ? line_end : spaces(text, begin, end);
}

}  // namespace

std::optional<KnownPattern> KnownPattern::of(std::string_view pattern) {
  if (pattern == kGpt2Pattern) return KnownPattern(match_gpt2);
  if (pattern == kQwen2Pattern) return KnownPattern(match_words<1, false>);
  if (pattern == kLlama3Pattern) return KnownPattern(match_words<3, false>);
  if (pattern == kQwen35Pattern) return KnownPattern(match_words<1, true>);
  return std::nullopt;
}

}  // namespace ominix::text
