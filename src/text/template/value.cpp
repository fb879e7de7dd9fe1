#include "text/template/value.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/utf8.h"
#include "text/unicode/unicode.h"

namespace ominix::text::jinja {
namespace {

constexpr int kMaxDepth = 64;

thread_local Meter* current_meter = nullptr;

void charge(uint64_t steps) {
  if (current_meter) current_meter->charge(steps);
}

int depth_of(const Value& v) {
  if (const List* l = v.list()) return l->depth;
  if (const Dict* d = v.dict()) return d->depth;
  if (const auto* m = v.get<Method>()) return depth_of(*m->self);
  return 0;
}

void check_depth(int depth) {
  if (depth > kMaxDepth) throw Error(ErrorCode::too_big, "template: a value is nested too deeply");
}

// Python's repr of a float: the shortest digits that read back, with a point or an exponent.
std::string float_text(double x) {
  if (std::isnan(x)) return "nan";
  if (std::isinf(x)) return x > 0 ? "inf" : "-inf";
  const double size = std::abs(x);
  if (size != 0 && (size < 1e-4 || size >= 1e16)) {
    return fmt::format("{}", x);
  }
  std::string s = fmt::format("{}", x);
  if (s.find_first_of(".e") == s.npos) s += ".0";
  return s;
}

std::string python_quoted(std::string_view s) {
  // Python prefers single quotes, unless the text has them and no double ones.
  const char quote = s.find('\'') != s.npos && s.find('"') == s.npos ? '"' : '\'';
  // Python's str.isprintable()
  constexpr unicode::CategorySet kHidden =
      unicode::kOther | unicode::kSeparator | unicode::bit(unicode::Category::Co);
  std::string out(1, quote);
  for (size_t at = 0; at < s.size();) {
    const char32_t c = utf8::decode(s, at);
    if (c == static_cast<unsigned char>(quote) || c == '\\') {
      out += '\\';
      utf8::append(out, c);
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\r') {
      out += "\\r";
    } else if (c == '\t') {
      out += "\\t";
    } else if (c != ' ' && unicode::is_in(c, kHidden)) {
      const auto code = static_cast<uint32_t>(c);
      out += code < 0x100     ? fmt::format("\\x{:02x}", code)
             : code < 0x10000 ? fmt::format("\\u{:04x}", code)
                              : fmt::format("\\U{:08x}", code);
    } else {
      utf8::append(out, c);
    }
  }
  return out + quote;
}

std::string json_string(std::string_view s, bool ascii) {
  charge(s.size() / 64);
  return nlohmann::json(s).dump(-1, ' ', ascii, nlohmann::json::error_handler_t::replace);
}

}  // namespace

Metered::Metered(Meter& meter) : outer_(std::exchange(current_meter, &meter)) {}
Metered::~Metered() { current_meter = outer_; }

Text Text::from_template(std::string s) {
  Text t{std::move(s), {}, false};
  if (!t.bytes.empty()) t.trusted.push_back({0, t.bytes.size()});
  return t;
}

void Text::append(const Text& other) {
  const size_t offset = bytes.size();
  bytes += other.bytes;
  for (const ByteRange& r : other.trusted) {
    if (!trusted.empty() && trusted.back().end == r.begin + offset) {
      trusted.back().end = r.end + offset;
    } else {
      trusted.push_back({r.begin + offset, r.end + offset});
    }
  }
}

Text Text::slice(size_t begin, size_t end) const {
  Text out{bytes.substr(begin, end - begin), {}, markup};
  auto r = std::ranges::upper_bound(trusted, begin, {}, &ByteRange::end);
  for (; r != trusted.end() && r->begin < end; ++r) {
    const size_t b = std::max(r->begin, begin), e = std::min(r->end, end);
    if (b < e) out.trusted.push_back({b - begin, e - begin});
  }
  return out;
}

bool Value::truthy() const {
  if (const auto* b = get<bool>()) return *b;
  if (const auto* i = get<int64_t>()) return *i != 0;
  if (const auto* d = get<double>()) return *d != 0;
  if (const auto* t = get<Text>()) return !t->bytes.empty();
  if (const List* l = list()) return !l->empty();
  if (const Dict* d = dict()) return !d->empty();
  return !is_undefined() && !is_none();
}

const char* Value::type_name() const {
  static constexpr const char* kNames[] = {"undefined", "none", "bool",  "int",    "float",   "str",
                                           "list",      "dict", "macro", "method", "function"};
  return kNames[v.index()];
}

Value text(std::string s) { return {Text::from_template(std::move(s))}; }

Value make_list(List items) {
  for (const Value& item : items) items.depth = std::max(items.depth, 1 + depth_of(item));
  check_depth(items.depth);
  return {std::make_shared<List>(std::move(items))};
}

Value make_dict(Dict items) {
  items.is_namespace = false;
  for (const auto& [key, value] : items) {
    items.depth = std::max({items.depth, 1 + depth_of(key), 1 + depth_of(value)});
  }
  check_depth(items.depth);
  return {std::make_shared<Dict>(std::move(items))};
}

const Value* member(const Dict& dict, std::string_view key) {
  for (const auto& [k, value] : dict) {
    const auto* t = k.get<Text>();
    if (t && t->bytes == key) return &value;
  }
  return nullptr;
}

void set_member(Dict& dict, Value key, Value value) {
  // A namespace may hold itself; who runs the template empties them all in the end.
  if (!dict.is_namespace) dict.depth = std::max(dict.depth, 1 + depth_of(value));
  check_depth(dict.depth);
  for (auto& [k, old] : dict) {
    if (equal(k, key)) {
      old = std::move(value);
      return;
    }
  }
  dict.emplace_back(std::move(key), std::move(value));
}

double number(const Value& v) {
  if (const auto* i = v.get<int64_t>()) return static_cast<double>(*i);
  if (const auto* d = v.get<double>()) return *d;
  if (const auto* b = v.get<bool>()) return *b ? 1 : 0;
  throw fail(ErrorCode::invalid_argument, "template: a {} where a number is needed", v.type_name());
}

bool equal(const Value& a, const Value& b, int depth) {
  check_depth(depth);
  charge(1);
  if (a.is_number() && b.is_number()) return number(a) == number(b);
  if (a.v.index() != b.v.index()) return false;
  if (a.is_undefined() || a.is_none()) return true;
  if (const auto* t = a.get<Text>()) {
    charge(t->bytes.size() / 256);
    return t->bytes == b.get<Text>()->bytes;
  }
  if (const List* l = a.list()) {
    if (l->is_tuple != b.list()->is_tuple) return false;
    return std::ranges::equal(
        *l, *b.list(), [&](const Value& x, const Value& y) { return equal(x, y, depth + 1); });
  }
  if (const Dict* d = a.dict()) {
    const Dict& other = *b.dict();
    return d->size() == other.size() && std::ranges::all_of(*d, [&](const auto& item) {
             return std::ranges::any_of(other, [&](const auto& o) {
               return equal(item.first, o.first, depth + 1) &&
                      equal(item.second, o.second, depth + 1);
             });
           });
  }
  return false;
}

Text str(const Value& v) {
  if (const auto* t = v.get<Text>()) {
    charge(t->bytes.size() / 64);
    return *t;
  }
  if (v.is_undefined()) return {};
  // A number can come from a user and complete the name of a token.
  return Text::from_user(repr(v));
}

std::string repr(const Value& v, int depth) {
  check_depth(depth);
  charge(1);
  if (const auto* t = v.get<Text>()) {
    charge(t->bytes.size() / 64);
    return python_quoted(t->bytes);
  }
  if (v.is_none()) return "None";
  if (const auto* b = v.get<bool>()) return *b ? "True" : "False";
  if (const auto* i = v.get<int64_t>()) return std::to_string(*i);
  if (const auto* d = v.get<double>()) return float_text(*d);
  if (const List* l = v.list()) {
    std::string out = l->is_tuple ? "(" : "[";
    for (const Value& item : *l) {
      if (out.size() > 1) out += ", ";
      out += repr(item, depth + 1);
    }
    if (l->is_tuple && l->size() == 1) out += ',';
    return out + (l->is_tuple ? ')' : ']');
  }
  if (const Dict* d = v.dict()) {
    std::string out = "{";
    for (const auto& [key, value] : *d) {
      if (out.size() > 1) out += ", ";
      out += repr(key, depth + 1);
      out += ": ";
      out += repr(value, depth + 1);
    }
    return out + "}";
  }
  if (v.is_undefined()) return "Undefined";
  return fmt::format("<{}>", v.type_name());
}

std::string to_json(const Value& v, const JsonStyle& style, int depth) {
  const auto line = [&](int levels) {
    std::string out;
    if (!style.indent) return out;
    out = '\n';
    for (int k = 0; k < levels; ++k) out += *style.indent;
    return out;
  };
  check_depth(depth);
  charge(1 + (style.indent ? style.indent->size() * static_cast<uint64_t>(depth) : 0) / 64);
  if (const auto* t = v.get<Text>()) return json_string(t->bytes, style.ascii);
  if (v.is_none()) return "null";
  if (const auto* b = v.get<bool>()) return *b ? "true" : "false";
  if (const auto* d = v.get<double>())
    return std::isfinite(*d) ? float_text(*d)
           : std::isnan(*d)  ? "NaN"
           : *d > 0          ? "Infinity"
                             : "-Infinity";
  if (v.get<int64_t>()) return repr(v);
  const auto join = [&](const std::vector<std::string>& items, char open, char close) {
    if (items.empty()) return std::string{open, close};
    std::string out(1, open);
    const std::string pad = line(depth + 1);
    for (size_t i = 0; i < items.size(); ++i) {
      if (i > 0) out += style.comma;
      out += pad + items[i];
    }
    return out + line(depth) + close;
  };
  std::vector<std::string> items;
  if (const List* l = v.list()) {
    for (const Value& item : *l) items.push_back(to_json(item, style, depth + 1));
    return join(items, '[', ']');
  }
  if (const Dict* d = v.dict()) {
    std::vector<std::pair<std::string, const Value*>> members;
    for (const auto& [key, value] : *d) {
      // As json.dumps: None, True and numbers are keys by their JSON text.
      members.emplace_back(key.get<Text>() ? key.get<Text>()->bytes : to_json(key, {}, depth + 1),
                           &value);
    }
    if (style.sort_keys) {
      charge(members.size() * 8);
      std::ranges::stable_sort(members, {},
                               [](const auto& m) -> const std::string& { return m.first; });
    }
    for (const auto& [key, value] : members) {
      items.push_back(json_string(key, style.ascii) + style.colon +
                      to_json(*value, style, depth + 1));
    }
    return join(items, '{', '}');
  }
  throw fail(ErrorCode::invalid_argument, "template: a value of type {} has no JSON form",
             v.type_name());
}

Value from_json(const OrderedJson& json, bool trusted) {
  if (json.is_null()) return {None{}};
  if (json.is_boolean()) return {json.get<bool>()};
  if (json.is_number_integer()) {
    if (json.is_number_unsigned() && json.get<uint64_t>() > INT64_MAX) return {json.get<double>()};
    return {json.get<int64_t>()};
  }
  if (json.is_number()) return {json.get<double>()};
  if (json.is_string()) {
    auto s = json.get<std::string>();
    return {trusted ? Text::from_template(std::move(s)) : Text::from_user(std::move(s))};
  }
  if (json.is_array()) {
    List out;
    for (const auto& item : json) out.push_back(from_json(item, trusted));
    return make_list(std::move(out));
  }
  Dict out;
  // Keys are names that the client's JSON chose: user text like the rest.
  for (const auto& [key, value] : json.items()) {
    out.emplace_back(Value{trusted ? Text::from_template(key) : Text::from_user(key)},
                     from_json(value, trusted));
  }
  return make_dict(std::move(out));
}

}  // namespace ominix::text::jinja
