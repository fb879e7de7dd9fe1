// Methods of strings, dicts and lists: those of Python that the sandbox of transformers allows.
#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/utf8.h"
#include "text/template/builtins.h"
#include "text/template/interpreter.h"
#include "text/template/text_ops.h"

namespace ominix::text::jinja {
namespace {

constexpr int64_t kMostPadding = 100'000;

bool given(const Arguments& args, size_t at) {
  return at < args.positional.size() && !args.positional[at].is_none();
}

// Position in characters of a byte offset; -1 for none.
int64_t place(const Text& t, size_t at) {
  if (at == std::string::npos) return -1;
  return count_characters(std::string_view(t.bytes).substr(0, at));
}

Value partition(const Text& t, const Text& separator, bool from_right) {
  const std::string& s = separator.bytes;
  const size_t at = from_right ? t.bytes.rfind(s) : t.bytes.find(s);
  if (at == t.bytes.npos) {
    List none{Value{Text()}, Value{Text()}};
    none.insert(from_right ? none.end() : none.begin(), Value{t});
    return make_tuple(std::move(none));
  }
  return make_tuple(
      {{t.slice(0, at)}, {t.slice(at, at + s.size())}, {t.slice(at + s.size(), t.bytes.size())}});
}

// ljust, rjust, center and zfill.
Text padded(Interpreter& i, const Text& t, const std::string& name, const Arguments& args) {
  const int64_t width = integer(i, args.find(0, "width"), 0, name);
  if (width > kMostPadding) i.refuse(fmt::format("'{}' to {} characters", name, width));
  const Text fill = given(args, 1) ? text_of(i, args.positional[1], name)
                                   : Text::from_template(name == "zfill" ? "0" : " ");
  if (count_characters(fill.bytes) != 1) i.refuse("a fill that is not one character");
  const int64_t missing = width - count_characters(t.bytes);
  if (missing <= 0) return t;
  i.charge(static_cast<uint64_t>(missing));
  int64_t left = 0;
  if (name == "rjust" || name == "zfill") left = missing;
  if (name == "center") left = missing / 2 + (missing & width & 1);
  Text out;
  size_t sign = 0;
  if (name == "zfill" && (t.bytes.starts_with('-') || t.bytes.starts_with('+'))) sign = 1;
  out.append(t.slice(0, sign));
  for (int64_t k = 0; k < left; ++k) out.append(fill);
  out.append(t.slice(sign, t.bytes.size()));
  for (int64_t k = left; k < missing; ++k) out.append(fill);
  return out;
}

// "{} {0} {name}".format(…), without conversions and formats.
Text braces_format(Interpreter& i, const Text& t, const Arguments& args) {
  Text out;
  size_t next = 0;
  const std::string& s = t.bytes;
  for (size_t at = 0; at < s.size();) {
    const size_t brace = std::min(s.find_first_of("{}", at), s.size());
    out.append(t.slice(at, brace));
    if (brace == s.size()) break;
    if (brace + 1 < s.size() && s[brace + 1] == s[brace]) {
      out.append(t.slice(brace, brace + 1));
      at = brace + 2;
      continue;
    }
    const size_t end = s.find('}', brace);
    if (s[brace] == '}' || end == s.npos) i.refuse("'format' with a single brace");
    const std::string field = s.substr(brace + 1, end - brace - 1);
    at = end + 1;
    const bool is_number = !field.empty() && field.size() < 6 &&
                           std::ranges::all_of(field, [](char c) { return c >= '0' && c <= '9'; });
    const Value* value = nullptr;
    if (field.empty() || is_number) {
      const size_t place = field.empty() ? next++ : static_cast<size_t>(std::stoul(field));
      if (place < args.positional.size()) value = &args.positional[place];
    } else {
      value = args.find(~size_t{0}, field);
    }
    if (!value) i.refuse(fmt::format("'format' has no value for '{}'", one_line(field)));
    out.append(str(*value));
    i.charge(1 + out.bytes.size() / 1024);
  }
  return out;
}

Value text_method(Interpreter& i, const Value& self, const Text& t, const std::string& name,
                  const Arguments& args, uint64_t output_limit) {
  const auto argument = [&](size_t at) -> const Text& {
    if (at >= args.positional.size()) i.refuse(fmt::format("'{}' needs an argument", name));
    return text_of(i, args.positional[at], name);
  };
  if (name == "startswith" || name == "endswith") {
    const auto fits = [&](const Value& v) {
      const std::string& s = text_of(i, v, name).bytes;
      return name == "startswith" ? t.bytes.starts_with(s) : t.bytes.ends_with(s);
    };
    if (args.positional.empty()) i.refuse(fmt::format("'{}' needs an argument", name));
    const List* any = args.positional[0].list();
    return {any ? std::ranges::any_of(*any, fits) : fits(args.positional[0])};
  }
  if (name == "strip" || name == "lstrip" || name == "rstrip") {
    return {strip(t, given(args, 0) ? argument(0).bytes : "", name != "rstrip", name != "lstrip")};
  }
  if (name == "split" || name == "rsplit") {
    const Value* separator = args.find(0, "sep");
    const int64_t most = integer(i, args.find(1, "maxsplit"), -1, name);
    const bool right = name == "rsplit";
    List parts = separator && !separator->is_none()
                     ? split_by_text(t, text_of(i, *separator, name).bytes, most, right)
                     : split_spaces(t, most, right);
    i.charge(parts.size());
    return make_list(std::move(parts));
  }
  if (name == "splitlines")
    return make_list(split_lines(t, given(args, 0) && args.positional[0].truthy()));
  if (name == "partition" || name == "rpartition") {
    if (argument(0).bytes.empty()) i.refuse("an empty separator");
    return partition(t, argument(0), name == "rpartition");
  }
  if (name == "replace") {
    const int64_t most = integer(i, args.find(2, "count"), -1, name);
    const Text to = t.markup ? escaped(argument(1)) : argument(1);
    Text out = replaced(t, argument(0).bytes, to, most, output_limit);
    i.charge(out.bytes.size() / 16);
    return {std::move(out)};
  }
  if (name == "removeprefix") {
    const size_t size = t.bytes.starts_with(argument(0).bytes) ? argument(0).bytes.size() : 0;
    return {t.slice(size, t.bytes.size())};
  }
  if (name == "removesuffix") {
    const size_t size = t.bytes.ends_with(argument(0).bytes) ? argument(0).bytes.size() : 0;
    return {t.slice(0, t.bytes.size() - size)};
  }
  if (name == "upper" || name == "lower" || name == "casefold") {
    return {like(t, change_case(t.bytes, name == "upper"))};
  }
  if (name == "title") return {like(t, title_case(t.bytes))};
  if (name == "capitalize") return {like(t, capitalized(t.bytes))};
  if (name == "swapcase") return {like(t, swap_case(t.bytes))};
  if (name == "ljust" || name == "rjust" || name == "center" || name == "zfill") {
    return {padded(i, t, name, args)};
  }
  if (name == "format") return {braces_format(i, t, args)};
  if (name == "join") {
    if (args.positional.empty()) i.refuse("'join' needs an argument");
    for (const Value& item : elements(i, args.positional[0])) text_of(i, item, name);
    return join(i, args.positional[0], {{self}, {}});
  }
  if (name == "count") return {count_text(t.bytes, argument(0).bytes)};
  if (name == "find" || name == "index" || name == "rfind" || name == "rindex") {
    const std::string& needle = argument(0).bytes;
    const size_t at = name[0] == 'r' ? t.bytes.rfind(needle) : t.bytes.find(needle);
    if (at == t.bytes.npos && name.ends_with("index")) i.refuse("substring not found");
    return {place(t, at)};
  }
  if (name == "islower" || name == "isupper") return {has_case(t.bytes, name == "isupper")};
  if (name == "istitle") return {title_case(t.bytes) == t.bytes && has_cased(t.bytes)};
  return {all_characters(t.bytes, name)};
}

Value dict_method(Interpreter& i, const Value& self, const Dict& d, const std::string& name,
                  const Arguments& args) {
  if (name == "copy") return make_dict(Dict(d));
  if (name == "items") return make_list(pairs(d));
  if (name == "keys") return make_list(elements(i, self));
  if (name == "values") {
    List out;
    for (const auto& [key, value] : d) out.push_back(value);
    return make_list(std::move(out));
  }
  if (name == "get") {
    if (args.positional.empty()) i.refuse("'get' needs a key");
    for (const auto& [key, value] : d) {
      if (equal(key, args.positional[0])) return value;
    }
    const Value* fallback = args.find(1, "default");
    return fallback ? *fallback : Value{None{}};
  }
  i.refuse(fmt::format("method '{}' of a dict is not allowed", name));
}

// loop.cycle(…) and loop.changed(…).
Value loop_method(Interpreter& i, LoopState& loop, const std::string& name, const Arguments& args) {
  if (name == "cycle") {
    if (args.positional.empty()) i.refuse("'cycle' needs values");
    return args.positional[static_cast<size_t>(loop.index0) % args.positional.size()];
  }
  Value now = make_list(List(args.positional.begin(), args.positional.end()));
  const bool changed = !loop.last || !equal(*loop.last, now);
  loop.last = std::move(now);
  return {changed};
}

Value list_method(Interpreter& i, const List& list, const std::string& name,
                  const Arguments& args) {
  if (name == "copy") return make_list(List(list));
  if (name == "index" || name == "count") {
    if (args.positional.empty()) i.refuse(fmt::format("'{}' needs a value", name));
    i.charge(list.size());
    const auto same = [&](const Value& v) { return equal(v, args.positional[0]); };
    if (name == "count") return {static_cast<int64_t>(std::ranges::count_if(list, same))};
    const auto found = std::ranges::find_if(list, same);
    if (found == list.end()) i.refuse("the value is not in the list");
    return {static_cast<int64_t>(found - list.begin())};
  }
  i.refuse(fmt::format("method '{}' of a list is not allowed", name));
}

}  // namespace

bool is_text_method(std::string_view name) {
  static constexpr std::string_view kNames[] = {
      "startswith", "endswith",   "strip",     "lstrip",       "rstrip",       "split",
      "rsplit",     "splitlines", "replace",   "upper",        "lower",        "title",
      "capitalize", "join",       "find",      "index",        "count",        "isdigit",
      "isalpha",    "isalnum",    "isspace",   "removeprefix", "removesuffix", "partition",
      "rpartition", "casefold",   "swapcase",  "ljust",        "rjust",        "center",
      "zfill",      "format",     "rfind",     "rindex",       "islower",      "isupper",
      "istitle",    "isdecimal",  "isnumeric", "isascii"};
  return std::ranges::find(kNames, name) != std::end(kNames);
}

// Those that change a list are known and refused, as in the sandbox of transformers.
bool is_list_method(std::string_view name) {
  static constexpr std::string_view kNames[] = {"index", "count",   "copy",   "append",
                                                "pop",   "extend",  "insert", "remove",
                                                "clear", "reverse", "sort"};
  return std::ranges::find(kNames, name) != std::end(kNames);
}

Value Interpreter::method(const Value& self, const std::string& name, const Arguments& args) {
  charge(1);
  if (const auto* t = self.get<Text>()) {
    charge(t->bytes.size() / 16);
    return text_method(*this, self, *t, name, args, output_limit_);
  }
  if (const Dict* d = self.dict()) {
    if (d->loop && (name == "cycle" || name == "changed")) {
      return loop_method(*this, *d->loop, name, args);
    }
    return dict_method(*this, self, *d, name, args);
  }
  if (const List* list = self.list()) return list_method(*this, *list, name, args);
  refuse(fmt::format("method '{1}' of a {0} is not allowed", self.type_name(), name));
}

Text percent_format(Interpreter& i, const Text& format, const List& values) {
  Text out;
  size_t next = 0;
  const std::string& s = format.bytes;
  for (size_t at = 0; at < s.size();) {
    const size_t percent = std::min(s.find('%', at), s.size());
    out.append(format.slice(at, percent));
    if (percent == s.size()) break;
    // %[flags][width][.precision]kind
    size_t end = percent + 1;
    while (end < s.size() && std::string_view("-+ #0").find(s[end]) != std::string_view::npos)
      ++end;
    const std::string flags = s.substr(percent + 1, end - percent - 1);
    const auto digits = [&](int fallback) {
      if (end >= s.size() || s[end] < '0' || s[end] > '9') return fallback;
      int n = 0;
      while (end < s.size() && s[end] >= '0' && s[end] <= '9')
        n = std::min(n * 10 + s[end++] - '0', 1000);
      return n;
    };
    const int width = digits(0);
    int precision = -1;
    if (end < s.size() && s[end] == '.') {
      ++end;
      precision = digits(0);
    }
    if (end >= s.size()) i.refuse("an unfinished '%' format");
    const char kind = s[end];
    at = end + 1;
    if (kind == '%') {
      out.append(format.slice(percent, percent + 1));
      continue;
    }
    if (next >= values.size()) i.refuse("not enough values for the '%' formats");
    const Value& v = values[next++];
    Text piece;
    if (kind == 's' || kind == 'r') {
      piece = kind == 's' ? str(v) : Text::from_user(repr(v));
      if (precision >= 0) {
        size_t cut = 0;
        for (int k = 0; k < precision && cut < piece.bytes.size(); ++k)
          utf8::decode(piece.bytes, cut);
        piece = piece.slice(0, cut);
      }
    } else if (std::string_view("dixXo").find(kind) != std::string_view::npos) {
      if (!v.is_number())
        i.refuse(fmt::format("'%{}' needs a number, found {}", kind, v.type_name()));
      const auto* whole = v.get<int64_t>();
      const double x = number(v);
      if (!whole && !(std::abs(x) < 9e18)) i.refuse("a number outside 64 bits");
      const int64_t n = whole ? *whole : static_cast<int64_t>(x);
      piece = Text::from_user(kind == 'x'   ? fmt::format("{:x}", n)
                              : kind == 'X' ? fmt::format("{:X}", n)
                              : kind == 'o' ? fmt::format("{:o}", n)
                                            : fmt::format("{}", n));
    } else if (std::string_view("feEgGF").find(kind) != std::string_view::npos) {
      const int places = precision < 0 ? 6 : std::min(precision, 60);
      const double x = number(v);
      piece = Text::from_user(kind == 'e'   ? fmt::format("{:.{}e}", x, places)
                              : kind == 'E' ? fmt::format("{:.{}E}", x, places)
                              : kind == 'g' ? fmt::format("{:.{}g}", x, std::max(places, 1))
                              : kind == 'G' ? fmt::format("{:.{}G}", x, std::max(places, 1))
                                            : fmt::format("{:.{}f}", x, places));
    } else {
      i.refuse("an unknown '%' format");
    }
    const bool numeric = kind != 's' && kind != 'r';
    if (numeric && !piece.bytes.starts_with('-')) {
      const char sign = flags.find('+') != flags.npos   ? '+'
                        : flags.find(' ') != flags.npos ? ' '
                                                        : 0;
      if (sign) piece = Text::from_user(sign + piece.bytes);
    }
    const bool left = flags.find('-') != flags.npos;
    const bool zeros = numeric && !left && flags.find('0') != flags.npos;
    out.append(padded(i, piece,
                      left    ? "ljust"
                      : zeros ? "zfill"
                              : "rjust",
                      {{Value{int64_t{width}}}, {}}));
    i.charge(1 + out.bytes.size() / 1024);
  }
  if (next < values.size()) i.refuse("more values than '%' formats");
  return out;
}

}  // namespace ominix::text::jinja
