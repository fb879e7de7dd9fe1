#include "text/template/text_ops.h"

#include <algorithm>

#include "base/error.h"
#include "base/utf8.h"
#include "text/unicode/unicode.h"

namespace ominix::text::jinja {
namespace {

bool is_space(char32_t c) {
  return c == ' ' || (c >= 9 && c <= 13) || (c >= 0x1C && c <= 0x1F) || c == 0x85 || c == 0xA0 ||
         c == 0x1680 || (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F ||
         c == 0x205F || c == 0x3000;
}

struct Character {
  size_t begin, end;
  char32_t c;
};

std::vector<Character> characters(std::string_view s) {
  std::vector<Character> out;
  for (size_t at = 0; at < s.size();) {
    const size_t begin = at;
    const char32_t c = utf8::decode(s, at);
    out.push_back({begin, at, c});
  }
  return out;
}

using unicode::Category;

bool is_upper(char32_t c) { return unicode::category(c) == Category::Lu; }
bool is_lower(char32_t c) {
  return unicode::category(c) == Category::Ll || c == 0xAA || c == 0xBA ||
         (c >= 0x2B0 && c <= 0x2B8);
}
bool is_cased(char32_t c) {
  return is_upper(c) || is_lower(c) || unicode::category(c) == Category::Lt ||
         (c >= 0x2160 && c <= 0x217F) || (c >= 0x24B6 && c <= 0x24E9);
}
bool is_case_ignorable(char32_t c) {
  constexpr unicode::CategorySet kSet = unicode::bit(Category::Mn) | unicode::bit(Category::Me) |
                                        unicode::bit(Category::Cf) | unicode::bit(Category::Lm) |
                                        unicode::bit(Category::Sk);
  return unicode::is_in(c, kSet) || c == '\'' || c == '.' || c == ':' || c == 0xB7 || c == 0x2018 ||
         c == 0x2019 || c == 0x2024 || c == 0x2027;
}

// Sigma is written otherwise at the end of a word.
void append_lower(std::string& out, const std::vector<Character>& all, size_t at) {
  if (all[at].c != 0x3A3) return unicode::append_lower(out, all[at].c);
  size_t before = at, behind = at + 1;
  while (before > 0 && is_case_ignorable(all[before - 1].c)) --before;
  while (behind < all.size() && is_case_ignorable(all[behind].c)) ++behind;
  const bool ends = before > 0 && is_cased(all[before - 1].c) &&
                    (behind == all.size() || !is_cased(all[behind].c));
  utf8::append(out, ends ? 0x3C2 : 0x3C3);
}

}  // namespace

Text like(const Text& source, std::string made) {
  Text out = source.all_trusted() ? Text::from_template(std::move(made))
                                  : Text::from_user(std::move(made));
  out.markup = source.markup;
  return out;
}

Text escaped(const Text& t) {
  if (t.markup) return t;
  Text out;
  size_t begin = 0;
  for (size_t at; (at = t.bytes.find_first_of("&<>'\"", begin)) != t.bytes.npos; begin = at + 1) {
    out.append(t.slice(begin, at));
    const char c = t.bytes[at];
    const char* entity = c == '&'   ? "&amp;"
                         : c == '<' ? "&lt;"
                         : c == '>' ? "&gt;"
                         : c == '"' ? "&#34;"
                                    : "&#39;";
    out.append(like(t.slice(at, at + 1), entity));
  }
  out.append(t.slice(begin, t.bytes.size()));
  out.markup = true;
  return out;
}

Text strip(const Text& t, std::string_view set, bool left, bool right) {
  const std::vector<Character> all = characters(t.bytes);
  const auto drops = [&](const Character& c) {
    if (set.empty()) return is_space(c.c);
    return set.find(std::string_view(t.bytes).substr(c.begin, c.end - c.begin)) != set.npos;
  };
  size_t first = 0, last = all.size();
  while (left && first < last && drops(all[first])) ++first;
  while (right && last > first && drops(all[last - 1])) --last;
  return first == last ? t.slice(0, 0) : t.slice(all[first].begin, all[last - 1].end);
}

List split_by_text(const Text& t, std::string_view separator, int64_t most, bool from_right) {
  if (separator.empty())
    throw Error(ErrorCode::invalid_argument, "template: split by an empty string");
  std::vector<size_t> cuts;
  const std::string_view s = t.bytes;
  if (!from_right) {
    for (size_t at = 0; (at = s.find(separator, at)) != s.npos; at += separator.size()) {
      if (most >= 0 && static_cast<int64_t>(cuts.size()) >= most) break;
      cuts.push_back(at);
    }
  } else {
    for (size_t end = s.size(); end >= separator.size();) {
      const size_t at = s.rfind(separator, end - separator.size());
      if (at == s.npos || (most >= 0 && static_cast<int64_t>(cuts.size()) >= most)) break;
      cuts.push_back(at);
      end = at;
    }
    std::ranges::reverse(cuts);
  }
  List out;
  size_t begin = 0;
  for (const size_t cut : cuts) {
    out.push_back({t.slice(begin, cut)});
    begin = cut + separator.size();
  }
  out.push_back({t.slice(begin, s.size())});
  return out;
}

List split_spaces(const Text& t, int64_t most, bool from_right) {
  struct Word {
    size_t begin, end;
  };
  std::vector<Word> words;
  const std::vector<Character> all = characters(t.bytes);
  for (size_t i = 0; i < all.size();) {
    if (is_space(all[i].c)) {
      ++i;
      continue;
    }
    size_t end = i;
    while (end < all.size() && !is_space(all[end].c)) ++end;
    words.push_back({all[i].begin, all[end - 1].end});
    i = end;
  }
  // The rest stays one piece, with the spaces between its words.
  if (most >= 0 && words.size() > static_cast<size_t>(most) + 1) {
    const auto keep = static_cast<size_t>(most);
    if (from_right) {
      const size_t joined = words.size() - keep;
      words[joined - 1].begin = words.front().begin;
      words.erase(words.begin(), words.begin() + static_cast<std::ptrdiff_t>(joined - 1));
    } else {
      words[keep].end = words.back().end;
      words.resize(keep + 1);
    }
  }
  // Python keeps the spaces at the far end of the rest.
  if (most >= 0 && words.size() == static_cast<size_t>(most) + 1) {
    if (from_right) {
      words.front().begin = 0;
      words.front() = {0, words.front().end};
    } else {
      words.back().end = t.bytes.size();
    }
  }
  List out;
  for (const Word& w : words) out.push_back({t.slice(w.begin, w.end)});
  return out;
}

List split_lines(const Text& t, bool keep_ends) {
  List out;
  size_t begin = 0;
  const std::vector<Character> all = characters(t.bytes);
  for (size_t i = 0; i < all.size(); ++i) {
    const char32_t c = all[i].c;
    const bool ends = (c >= 0x0A && c <= 0x0D) || (c >= 0x1C && c <= 0x1E) || c == 0x85 ||
                      c == 0x2028 || c == 0x2029;
    if (!ends) continue;
    const size_t line_end = all[i].begin;
    if (c == '\r' && i + 1 < all.size() && all[i + 1].c == '\n') ++i;
    out.push_back({t.slice(begin, keep_ends ? all[i].end : line_end)});
    begin = all[i].end;
  }
  if (begin < t.bytes.size()) out.push_back({t.slice(begin, t.bytes.size())});
  return out;
}

Text replaced(const Text& t, std::string_view from, const Text& to, int64_t most, uint64_t limit) {
  Text out;
  out.markup = t.markup;
  size_t begin = 0;
  int64_t count = 0;
  const auto check = [&] {
    if (out.bytes.size() > limit)
      throw Error(ErrorCode::too_big, "template: 'replace' makes too long a text");
  };
  if (from.empty()) {  // between all characters
    for (const Character& c : characters(t.bytes)) {
      if (most >= 0 && count >= most) break;
      out.append(to);
      out.append(t.slice(c.begin, c.end));
      begin = c.end;
      ++count;
      check();
    }
    if (most < 0 || count < most) out.append(to);
  } else {
    for (size_t at; (at = t.bytes.find(from, begin)) != t.bytes.npos && (most < 0 || count < most);
         ++count) {
      out.append(t.slice(begin, at));
      out.append(to);
      begin = at + from.size();
      check();
    }
  }
  out.append(t.slice(begin, t.bytes.size()));
  return out;
}

Text indented(const Text& t, const Text& pad, bool first, bool blank) {
  Text with_end = t;
  with_end.append(Text::from_template("\n"));
  Text out;
  bool is_first = true;
  for (const Value& line : split_lines(with_end, false)) {
    const Text& text = *line.get<Text>();
    if (!is_first) out.append(Text::from_template("\n"));
    if ((is_first && first) || (!is_first && (blank || !text.bytes.empty()))) out.append(pad);
    out.append(text);
    is_first = false;
  }
  out.markup = t.markup;
  return out;
}

std::string change_case(std::string_view s, bool upper) {
  std::string out;
  out.reserve(s.size());
  const std::vector<Character> all = characters(s);
  for (size_t i = 0; i < all.size(); ++i) {
    if (upper) {
      unicode::append_upper(out, all[i].c);
    } else {
      append_lower(out, all, i);
    }
  }
  return out;
}

std::string title_case(std::string_view s) {
  std::string out;
  const std::vector<Character> all = characters(s);
  bool inside = false;
  for (size_t i = 0; i < all.size(); ++i) {
    if (inside) {
      append_lower(out, all, i);
    } else {
      unicode::append_title(out, all[i].c);
    }
    inside = is_cased(all[i].c);
  }
  return out;
}

std::string capitalized(std::string_view s) {
  std::string out;
  const std::vector<Character> all = characters(s);
  for (size_t i = 0; i < all.size(); ++i) {
    if (i == 0) {
      unicode::append_title(out, all[i].c);
    } else {
      append_lower(out, all, i);
    }
  }
  return out;
}

std::string swap_case(std::string_view s) {
  std::string out;
  const std::vector<Character> all = characters(s);
  for (size_t i = 0; i < all.size(); ++i) {
    if (is_upper(all[i].c)) {
      append_lower(out, all, i);
    } else if (is_lower(all[i].c)) {
      unicode::append_upper(out, all[i].c);
    } else {
      utf8::append(out, all[i].c);
    }
  }
  return out;
}

std::string title_of_words(std::string_view s) {
  std::string out;
  for (size_t at = 0; at < s.size();) {
    // A run of separators is a piece of its own.
    const auto separates = [&](size_t i, size_t& next) {
      next = i;
      const char32_t c = utf8::decode(s, next);
      return c == '-' || c == '(' || c == '{' || c == '[' || c == '<' || is_space(c);
    };
    size_t next = at, end = at;
    const bool between = separates(at, next);
    while (end < s.size() && separates(end, next) == between) end = next;
    if (between) {
      out += s.substr(at, end - at);
    } else {
      size_t first = at;
      unicode::append_upper(out, utf8::decode(s, first));
      out += change_case(s.substr(first, end - first), false);
    }
    at = end;
  }
  return out;
}

bool has_cased(std::string_view s) {
  const std::vector<Character> all = characters(s);
  return std::ranges::any_of(all, [](const Character& c) { return is_cased(c.c); });
}

bool has_case(std::string_view s, bool upper) {
  bool any = false;
  for (const Character& c : characters(s)) {
    if (unicode::category(c.c) == Category::Lt || (upper ? is_lower(c.c) : is_upper(c.c)))
      return false;
    any |= upper ? is_upper(c.c) : is_lower(c.c);
  }
  return any;
}

int64_t count_words(std::string_view s) {
  int64_t n = 0;
  bool inside = false;
  for (const Character& c : characters(s)) {
    constexpr unicode::CategorySet kWord = unicode::kLetter | unicode::kNumber;
    const bool word = c.c == '_' || unicode::is_in(c.c, kWord);
    n += word && !inside;
    inside = word;
  }
  return n;
}

int64_t count_text(std::string_view s, std::string_view needle) {
  if (needle.empty()) return count_characters(s) + 1;
  int64_t n = 0;
  for (size_t at = 0; (at = s.find(needle, at)) != s.npos; at += needle.size()) ++n;
  return n;
}

int64_t count_characters(std::string_view s) { return static_cast<int64_t>(characters(s).size()); }

bool all_characters(std::string_view s, std::string_view kind) {
  const std::vector<Character> all = characters(s);
  if (kind == "isascii") {
    return std::ranges::all_of(all, [](const Character& c) { return c.c < 128; });
  }
  const auto superscript = [](char32_t c) {
    return c == 0xB2 || c == 0xB3 || c == 0xB9 || c == 0x2070 || (c >= 0x2074 && c <= 0x2079) ||
           (c >= 0x2080 && c <= 0x2089);
  };
  return !all.empty() && std::ranges::all_of(all, [&](const Character& c) {
    const bool decimal = unicode::category(c.c) == Category::Nd;
    const bool digit = decimal || superscript(c.c);
    const bool letter = unicode::is_in(c.c, unicode::kLetter);
    if (kind == "isspace") return is_space(c.c);
    if (kind == "isdecimal") return decimal;
    if (kind == "isdigit") return digit;
    if (kind == "isnumeric") return unicode::is_in(c.c, unicode::kNumber);
    return letter || (kind == "isalnum" && unicode::is_in(c.c, unicode::kNumber));
  });
}

std::string one_line(std::string_view s) {
  std::string out(s.substr(0, 400));
  for (char& c : out) {
    if (static_cast<unsigned char>(c) < 32) c = ' ';
  }
  return out;
}

}  // namespace ominix::text::jinja
