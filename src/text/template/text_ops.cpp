#include "text/template/text_ops.h"

#include <algorithm>

#include "base/error.h"
#include "base/utf8.h"

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

char32_t ascii_case(char32_t c, bool upper) {
  if (upper && c >= 'a' && c <= 'z') return c - 32;
  if (!upper && c >= 'A' && c <= 'Z') return c + 32;
  return c;
}

bool is_letter(char32_t c) {
  return (c | 32) >= 'a' && (c | 32) <= 'z' ? true : c > 127 && !is_space(c);
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

List split_spaces(const Text& t, int64_t most) {
  List out;
  const std::vector<Character> all = characters(t.bytes);
  for (size_t i = 0; i < all.size();) {
    if (is_space(all[i].c)) {
      ++i;
      continue;
    }
    if (most >= 0 && static_cast<int64_t>(out.size()) >= most) {
      out.push_back({strip(t.slice(all[i].begin, t.bytes.size()), "", false, true)});
      break;
    }
    size_t end = i;
    while (end < all.size() && !is_space(all[end].c)) ++end;
    out.push_back({t.slice(all[i].begin, all[end - 1].end)});
    i = end;
  }
  return out;
}

List split_lines(const Text& t) {
  List out;
  size_t begin = 0;
  for (size_t at = 0; at < t.bytes.size(); ++at) {
    if (t.bytes[at] != '\n' && t.bytes[at] != '\r') continue;
    out.push_back({t.slice(begin, at)});
    if (t.bytes[at] == '\r' && at + 1 < t.bytes.size() && t.bytes[at + 1] == '\n') ++at;
    begin = at + 1;
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

Text indented(const Text& t, size_t width, bool first, bool blank) {
  const Text pad = Text::from_template(std::string(width, ' '));
  Text out;
  bool is_first = true;
  size_t at = 0;  // of the line in t
  for (const Value& line : split_by_text(t, "\n", -1, false)) {
    const Text& text = *line.get<Text>();
    if (!is_first) out.append(t.slice(at - 1, at));
    if ((is_first && first) || (!is_first && (blank || !text.bytes.empty()))) out.append(pad);
    out.append(text);
    at += text.bytes.size() + 1;
    is_first = false;
  }
  return out;
}

std::string change_case(std::string_view s, bool upper) {
  std::string out;
  for (const Character& c : characters(s)) utf8::append(out, ascii_case(c.c, upper));
  return out;
}

std::string title_case(std::string_view s) {
  std::string out;
  bool inside = false;
  for (const Character& c : characters(s)) {
    utf8::append(out, ascii_case(c.c, !inside));
    inside = is_letter(c.c);
  }
  return out;
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
  return !all.empty() && std::ranges::all_of(all, [&](const Character& c) {
    const bool digit = c.c >= '0' && c.c <= '9';
    if (kind == "isdigit") return digit;
    if (kind == "isspace") return is_space(c.c);
    return is_letter(c.c) || (kind == "isalnum" && digit);
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
