// Filters. Names and behaviour: Jinja 3.1 and what transformers adds.
#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdlib>
#include <optional>

#include "base/error.h"
#include "base/utf8.h"
#include "text/template/builtins.h"
#include "text/template/interpreter.h"
#include "text/template/list_filters.h"
#include "text/template/text_ops.h"

namespace ominix::text::jinja {
namespace {

// Python's int() and float() of a text: white space around it, and "_" between digits.
std::optional<double> parsed(std::string_view text) {
  std::string s = strip(Text::from_user(std::string(text)), "", true, true).bytes;
  if (s.find_first_of("xXpP") != s.npos) return std::nullopt;
  std::erase(s, '_');
  char* end = nullptr;
  const double x = std::strtod(s.c_str(), &end);
  if (s.empty() || end != s.c_str() + s.size()) return std::nullopt;
  return x;
}

Value to_int(Interpreter& i, const Value& v, const Arguments& args) {
  const Value* fallback = args.find(0, "default");
  const int64_t base = integer(i, args.find(1, "base"), 10, "int");
  Value otherwise = fallback ? *fallback : Value{int64_t{0}};
  if (v.get<int64_t>()) return v;
  if (v.is_number()) {
    const double x = number(v);
    return std::abs(x) < 9e18 ? Value{static_cast<int64_t>(x)} : otherwise;
  }
  const auto* t = v.get<Text>();
  if (!t) return otherwise;
  const std::string s = strip(*t, "", true, true).bytes;
  char* end = nullptr;
  errno = 0;
  const long long whole =
      std::strtoll(s.c_str(), &end, base >= 2 && base <= 36 ? static_cast<int>(base) : 10);
  if (!s.empty() && end == s.c_str() + s.size() && errno == 0) return {int64_t{whole}};
  const auto x = parsed(s);
  return x && std::abs(*x) < 9e18 ? Value{static_cast<int64_t>(*x)} : otherwise;
}

Value to_float(const Value& v, const Arguments& args) {
  if (v.is_number()) return {number(v)};
  if (const auto* t = v.get<Text>()) {
    if (const auto x = parsed(t->bytes)) return {*x};
  }
  const Value* fallback = args.find(0, "default");
  return fallback ? *fallback : Value{0.0};
}

Value rounded(Interpreter& i, const Value& v, const Arguments& args) {
  const int64_t precision =
      std::clamp<int64_t>(integer(i, args.find(0, "precision"), 0, "round"), -300, 300);
  const Value* method = args.find(1, "method");
  const std::string how = method ? str(*method).bytes : "common";
  if (how == "common" && precision >= 0 && (v.get<int64_t>() || v.get<bool>())) {
    return v.get<int64_t>() ? v : Value{int64_t{*v.get<bool>()}};
  }
  const double x = number(v);
  const double scale = std::pow(10.0, static_cast<double>(precision));
  if (how == "ceil") return {std::ceil(x * scale) / scale};
  if (how == "floor") return {std::floor(x * scale) / scale};
  if (how != "common") i.refuse("'round' is common, ceil or floor");
  if (precision < 0 || precision > 17) return {std::nearbyint(x * scale) / scale};
  // Correctly rounded, as Python's round().
  return {std::strtod(fmt::format("{:.{}f}", x, precision).c_str(), nullptr)};
}

Value json(Interpreter& i, const Value& v, const Arguments& args) {
  // tojson(x, ensure_ascii=False, indent=None, separators=None, sort_keys=False) of transformers
  JsonStyle style;
  style.ascii = flag(args.find(0, "ensure_ascii"));
  if (const Value* indent = args.find(1, "indent"); indent && !indent->is_none()) {
    if (const auto* pad = indent->get<Text>()) {
      style.indent = pad->bytes.substr(0, 64);
    } else {
      const auto width = std::clamp<int64_t>(integer(i, indent, 0, "tojson"), 0, 16);
      style.indent = std::string(static_cast<size_t>(width), ' ');
    }
    style.comma = ",";
  }
  if (const Value* separators = args.find(2, "separators"); separators && !separators->is_none()) {
    const List both = elements(i, *separators);
    if (both.size() != 2) i.refuse("'tojson' takes two separators");
    style.comma = text_of(i, both[0], "tojson").bytes;
    style.colon = text_of(i, both[1], "tojson").bytes;
    if (style.comma.size() + style.colon.size() > 64) i.refuse("separators of more than 64 bytes");
  }
  style.sort_keys = flag(args.find(3, "sort_keys"));
  std::string out = to_json(v, style);
  i.charge(out.size() / 64);
  return {Text::from_user(std::move(out))};
}

Value truncated(Interpreter& i, const Value& v, const Arguments& args) {
  const Text t = str(v);
  const int64_t length = integer(i, args.find(0, "length"), 255, "truncate");
  const bool kill_words = flag(args.find(1, "killwords"));
  const Value* given = args.find(2, "end");
  const Text end = given ? str(*given) : Text::from_template("...");
  const int64_t leeway = integer(i, args.find(3, "leeway"), 5, "truncate");
  const int64_t room = length - count_characters(end.bytes);
  if (room < 0 || leeway < 0) i.refuse("'truncate' to less than its end");
  if (count_characters(t.bytes) <= length + leeway) return {t};
  size_t cut = 0;
  for (int64_t k = 0; k < room; ++k) utf8::decode(t.bytes, cut);
  Text out = t.slice(0, cut);
  if (!kill_words) {
    if (const size_t space = out.bytes.rfind(' '); space != out.bytes.npos)
      out = out.slice(0, space);
  }
  out.append(end);
  return {std::move(out)};
}

Text url_quoted(Interpreter& i, const Value& v, bool plus) {
  const Text t = str(v);
  i.charge(t.bytes.size() / 16);
  std::string out;
  for (const char c : t.bytes) {
    const bool word = (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z' && c > 0);
    if (word || std::string_view("_.-~").find(c) != std::string_view::npos || (c == '/' && !plus)) {
      out += c;
    } else if (c == ' ' && plus) {
      out += '+';
    } else {
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return like(t, std::move(out));
}

Value url_encoded(Interpreter& i, const Value& v) {
  if (!v.list() && !v.dict()) return {url_quoted(i, v, false)};
  Text out;
  for (const Value& pair : v.dict() ? pairs(*v.dict()) : elements(i, v)) {
    const List both = elements(i, pair);
    if (both.size() != 2) i.refuse("'urlencode' of a list needs pairs");
    if (!out.bytes.empty()) out.append(Text::from_template("&"));
    out.append(url_quoted(i, both[0], true));
    out.append(Text::from_template("="));
    out.append(url_quoted(i, both[1], true));
  }
  return {std::move(out)};
}

Value length(Interpreter& i, const Value& v) {
  if (const auto* t = v.get<Text>()) {
    i.charge(t->bytes.size() / 16);
    return {count_characters(t->bytes)};
  }
  if (v.is_undefined()) return {int64_t{0}};
  if (!v.list() && !v.dict()) i.refuse(fmt::format("a {} has no length", v.type_name()));
  return {static_cast<int64_t>(v.list() ? v.list()->size() : v.dict()->size())};
}

Value reversed(Interpreter& i, const Value& v) {
  List all = elements(i, v);
  std::ranges::reverse(all);
  if (!v.get<Text>()) return make_list(std::move(all));
  Text out;
  for (const Value& c : all) out.append(*c.get<Text>());
  return {std::move(out)};
}

// Filters by name; those that need no more than a line are written out.
using Filter = Value (*)(Interpreter&, const Value&, const Arguments&);

Value with_default(Interpreter&, const Value& v, const Arguments& args) {
  const bool use = v.is_undefined() || (flag(args.find(1, "boolean")) && !v.truthy());
  if (!use) return v;
  const Value* given = args.find(0, "default_value");
  return given ? *given : text("");
}

Value trimmed(Interpreter&, const Value& v, const Arguments& args) {
  const Value* chars = args.find(0, "chars");
  return {strip(str(v), chars && !chars->is_none() ? str(*chars).bytes : "", true, true)};
}

Value safe(Interpreter&, const Value& v, const Arguments&) {
  Text out = str(v);
  out.markup = true;
  return {std::move(out)};
}

Value force_escaped(Interpreter&, const Value& v, const Arguments&) {
  Text out = str(v);
  out.markup = false;
  return {escaped(out)};
}

Value absolute(Interpreter& i, const Value& v, const Arguments&) {
  if (!v.get<int64_t>()) return {std::abs(number(v))};
  return *v.get<int64_t>() < 0 ? i.arithmetic("-", Value{int64_t{0}}, v) : v;
}

Value items(Interpreter& i, const Value& v, const Arguments&) {
  if (v.is_undefined()) return make_list({});
  if (!v.dict()) i.refuse(fmt::format("'items' of a {}", v.type_name()));
  return make_list(pairs(*v.dict()));
}

Value replaced_text(Interpreter& i, const Value& v, const Arguments& args) {
  Text plain = str(v);
  plain.markup = false;
  return i.method(Value{std::move(plain)}, "replace", args);
}

Value indented_text(Interpreter& i, const Value& v, const Arguments& args) {
  const Value* width = args.find(0, "width");
  Text pad;
  if (const auto* t = width ? width->get<Text>() : nullptr) {
    pad = *t;
    if (pad.bytes.size() > 256) i.refuse("'indent' by more than 256 bytes");
  } else {
    const auto n = std::clamp<int64_t>(integer(i, width, 4, "indent"), 0, 256);
    pad = Text::from_template(std::string(static_cast<size_t>(n), ' '));
  }
  const Text t = str(v);
  const auto lines = static_cast<uint64_t>(std::ranges::count(t.bytes, '\n')) + 1;
  i.charge((t.bytes.size() + lines * pad.bytes.size()) / 16);
  return {indented(t, pad, flag(args.find(1, "first")), flag(args.find(2, "blank")))};
}

Value formatted(Interpreter& i, const Value& v, const Arguments& args) {
  return {percent_format(i, str(v), List(args.positional.begin(), args.positional.end()))};
}

template <bool kFirst>
Value end_of(Interpreter& i, const Value& v, const Arguments&) {
  const List all = elements(i, v);
  if (all.empty()) return Value{Undefined{"element"}};
  return kFirst ? all.front() : all.back();
}

Value attribute_of(Interpreter& i, const Value& v, const Arguments& args) {
  const Value* name = args.find(0, "name");
  if (!name) i.refuse("'attr' needs a name");
  return i.attribute(v, str(*name).bytes);
}

const std::pair<std::string_view, Filter> kFilters[] = {
    {"abs", absolute},
    {"attr", attribute_of},
    {"batch", batch},
    {"capitalize",
     [](Interpreter&, const Value& v, const Arguments&) -> Value {
       return {like(str(v), capitalized(str(v).bytes))};
     }},
    {"center",
     [](Interpreter& i, const Value& v, const Arguments& a) -> Value {
       const Value* width = a.find(0, "width");
       return i.method(Value{str(v)}, "center", {{width ? *width : Value{int64_t{80}}}, {}});
     }},
    {"count", [](Interpreter& i, const Value& v, const Arguments&) { return length(i, v); }},
    {"d", with_default},
    {"default", with_default},
    {"dictsort", dict_sorted},
    {"e",
     [](Interpreter&, const Value& v, const Arguments&) -> Value { return {escaped(str(v))}; }},
    {"escape",
     [](Interpreter&, const Value& v, const Arguments&) -> Value { return {escaped(str(v))}; }},
    {"first", end_of<true>},
    {"float", [](Interpreter&, const Value& v, const Arguments& a) { return to_float(v, a); }},
    {"forceescape", force_escaped},
    {"format", formatted},
    {"groupby", group_by},
    {"indent", indented_text},
    {"int", to_int},
    {"items", items},
    {"join", [](Interpreter& i, const Value& v, const Arguments& a) { return join(i, v, a); }},
    {"last", end_of<false>},
    {"length", [](Interpreter& i, const Value& v, const Arguments&) { return length(i, v); }},
    {"list",
     [](Interpreter& i, const Value& v, const Arguments&) { return make_list(elements(i, v)); }},
    {"lower", [](Interpreter& i, const Value& v,
                 const Arguments& a) { return i.method(Value{str(v)}, "lower", a); }},
    {"map", map},
    {"max",
     [](Interpreter& i, const Value& v, const Arguments& a) { return extreme(i, v, a, true); }},
    {"min",
     [](Interpreter& i, const Value& v, const Arguments& a) { return extreme(i, v, a, false); }},
    {"reject", [](Interpreter& i, const Value& v,
                  const Arguments& a) { return select(i, v, a, false, false); }},
    {"rejectattr", [](Interpreter& i, const Value& v,
                      const Arguments& a) { return select(i, v, a, true, false); }},
    {"replace", replaced_text},
    {"reverse", [](Interpreter& i, const Value& v, const Arguments&) { return reversed(i, v); }},
    {"round", rounded},
    {"safe", safe},
    {"select", [](Interpreter& i, const Value& v,
                  const Arguments& a) { return select(i, v, a, false, true); }},
    {"selectattr", [](Interpreter& i, const Value& v,
                      const Arguments& a) { return select(i, v, a, true, true); }},
    {"slice", sliced},
    {"sort", sorted},
    {"string", [](Interpreter&, const Value& v, const Arguments&) -> Value { return {str(v)}; }},
    {"sum", sum},
    {"title",
     [](Interpreter&, const Value& v, const Arguments&) -> Value {
       return {like(str(v), title_of_words(str(v).bytes))};
     }},
    {"tojson", json},
    {"trim", trimmed},
    {"truncate", truncated},
    {"unique", unique},
    {"upper", [](Interpreter& i, const Value& v,
                 const Arguments& a) { return i.method(Value{str(v)}, "upper", a); }},
    {"urlencode",
     [](Interpreter& i, const Value& v, const Arguments&) { return url_encoded(i, v); }},
    {"wordcount",
     [](Interpreter&, const Value& v, const Arguments&) -> Value {
       return {count_words(str(v).bytes)};
     }},
};

}  // namespace

Value Interpreter::filter(const std::string& name, const Value& v, const Arguments& args) {
  charge(1);
  const auto found =
      std::ranges::lower_bound(kFilters, name, {}, [](const auto& f) { return f.first; });
  if (found == std::end(kFilters) || found->first != name) {
    refuse(fmt::format("unknown filter '{}'", name));
  }
  return found->second(*this, v, args);
}

bool is_filter(std::string_view name) {
  return std::ranges::binary_search(kFilters, name, {}, [](const auto& f) { return f.first; });
}

}  // namespace ominix::text::jinja
