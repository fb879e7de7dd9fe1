#include "text/unicode/graphemes.h"

#include <algorithm>
#include <iterator>

#include "base/utf8.h"
#include "text/unicode/unicode.h"

namespace ominix::text::unicode {
namespace {

struct Range {
  char32_t first, last;
};

template <size_t N>
bool in(const Range (&ranges)[N], char32_t c) {
  return std::any_of(std::begin(ranges), std::end(ranges),
                     [c](const Range& r) { return c >= r.first && c <= r.last; });
}

// Properties of UAX 29 (Unicode 16.0) that do not follow from the category.
constexpr Range kPrepend[] = {{0x600, 0x605},     {0x6DD, 0x6DD},     {0x70F, 0x70F},
                              {0x890, 0x891},     {0x8E2, 0x8E2},     {0xD4E, 0xD4E},
                              {0x110BD, 0x110BD}, {0x110CD, 0x110CD}, {0x111C2, 0x111C3},
                              {0x113D1, 0x113D1}, {0x1193F, 0x1193F}, {0x11941, 0x11941},
                              {0x11A3A, 0x11A3A}, {0x11A84, 0x11A89}, {0x11D46, 0x11D46},
                              {0x11F02, 0x11F02}};
constexpr Range kGlued[] = {{0xE33, 0xE33},   {0xEB3, 0xEB3},     {0x200C, 0x200D},
                            {0xFF9E, 0xFF9F}, {0x1F3FB, 0x1F3FF}, {0xE0020, 0xE007F}};
constexpr Range kFreeMarks[] = {{0x102B, 0x102C}, {0x1038, 0x1038}, {0x1062, 0x1064},
                                {0x1067, 0x106D}, {0x1083, 0x1083}, {0x1087, 0x108C},
                                {0x108F, 0x108F}, {0x109A, 0x109C}, {0x1A61, 0x1A61},
                                {0x1A63, 0x1A64}, {0xAA7B, 0xAA7B}, {0xAA7D, 0xAA7D},
                                {0x11720, 0x11721}};

bool is_prepend(char32_t c) { return c >= 0x600 && in(kPrepend, c); }

bool is_glued(char32_t c) {
  if (c < 0x300) return false;
  return (is_in(c, kMark) && !in(kFreeMarks, c)) || in(kGlued, c);
}

bool is_control(char32_t c) {
  return is_in(c, bit(Category::Cc) | bit(Category::Cf) | bit(Category::Zl) | bit(Category::Zp)) &&
         !is_prepend(c) && !in(kGlued, c);
}

enum class Hangul { none, l, v, t, lv, lvt };

Hangul hangul(char32_t c) {
  if ((c >= 0x1100 && c <= 0x115F) || (c >= 0xA960 && c <= 0xA97C)) return Hangul::l;
  if ((c >= 0x1160 && c <= 0x11A7) || (c >= 0xD7B0 && c <= 0xD7C6)) return Hangul::v;
  if ((c >= 0x11A8 && c <= 0x11FF) || (c >= 0xD7CB && c <= 0xD7FB)) return Hangul::t;
  if (c >= 0xAC00 && c <= 0xD7A3) return (c - 0xAC00) % 28 == 0 ? Hangul::lv : Hangul::lvt;
  return Hangul::none;
}

bool joins(Hangul a, Hangul b) {
  switch (a) {
    case Hangul::l:
      return b != Hangul::none && b != Hangul::t;
    case Hangul::v:
    case Hangul::lv:
      return b == Hangul::v || b == Hangul::t;
    case Hangul::t:
    case Hangul::lvt:
      return b == Hangul::t;
    default:
      return false;
  }
}

}  // namespace

size_t next_grapheme(std::string_view text, size_t at) {
  char32_t last = utf8::decode(text, at);
  if (last == '\r' && at < text.size() && text[at] == '\n') return at + 1;
  while (at < text.size()) {
    size_t next = at;
    const char32_t c = utf8::decode(text, next);
    if (is_control(last) || is_control(c)) break;
    if (!is_glued(c) && !is_prepend(last) && !joins(hangul(last), hangul(c))) break;
    last = c;
    at = next;
  }
  return at;
}

}  // namespace ominix::text::unicode
