// Filters, tests, methods and functions. Names and behaviour: Jinja 3.1 and what transformers adds.
#include <algorithm>
#include <cmath>
#include <ctime>

#include "base/error.h"
#include "base/utf8.h"
#include "text/template/interpreter.h"
#include "text/template/text_ops.h"

namespace ominix::text::jinja {
namespace {

const Text& text_of(Interpreter& i, const Value& v, std::string_view what) {
  const auto* t = v.get<Text>();
  if (!t) i.refuse(fmt::format("{} needs a string, found {}", what, v.type_name()));
  return *t;
}

int64_t integer(Interpreter& i, const Value* v, int64_t fallback, std::string_view what) {
  if (!v || v->is_none()) return fallback;
  if (const auto* n = v->get<int64_t>()) return *n;
  if (const auto* b = v->get<bool>()) return *b ? 1 : 0;
  i.refuse(fmt::format("{} needs a whole number, found {}", what, v->type_name()));
}

List pairs(const Dict& dict) {
  List out;
  for (const auto& [key, value] : dict) out.push_back(make_list({key, value}));
  return out;
}

// The attribute "a.b.0" of a value.
Value path(const Value& value, std::string_view names) {
  Value at = value;
  while (!names.empty()) {
    const size_t dot = names.find('.');
    const std::string_view name = names.substr(0, dot);
    const Value* next = at.dict() ? member(*at.dict(), name) : nullptr;
    if (!next) return Value{Undefined{std::string(name)}};
    at = Value(*next);
    names = dot == names.npos ? std::string_view() : names.substr(dot + 1);
  }
  return at;
}

bool less(const Value& a, const Value& b) {
  if (a.is_number() && b.is_number()) return number(a) < number(b);
  return str(a).bytes < str(b).bytes;
}

std::string capitalized(std::string s) {
  std::string out = change_case(s, false);
  if (!out.empty() && out[0] >= 'a' && out[0] <= 'z') out[0] = static_cast<char>(out[0] - 32);
  return out;
}

// What `map`, `select` and `reject` do with each element.
Value map(Interpreter& i, const Value& value, const Arguments& args) {
  if (!value.truthy()) return make_list({});
  List out;
  const Value* attribute = args.find(~size_t{0}, "attribute");
  const Value* fallback = args.find(~size_t{0}, "default");
  Arguments rest;
  std::string name;
  if (!attribute) {
    if (args.positional.empty()) i.refuse("'map' needs a filter or an attribute");
    name = text_of(i, args.positional[0], "map").bytes;
    rest.positional.assign(args.positional.begin() + 1, args.positional.end());
    rest.named = args.named;
  }
  for (const Value& item : elements(i, value)) {
    Value v = attribute ? path(item, str(*attribute).bytes) : i.filter(name, item, rest);
    if (v.is_undefined() && fallback) v = *fallback;
    out.push_back(std::move(v));
  }
  return make_list(std::move(out));
}

Value select(Interpreter& i, const Value& value, const Arguments& args, bool by_attribute,
             bool keep) {
  if (!value.truthy()) return make_list({});
  size_t at = 0;
  std::string attribute;
  if (by_attribute) {
    if (args.positional.empty()) i.refuse("'selectattr' needs an attribute");
    attribute = str(args.positional[at++]).bytes;
  }
  std::string test;
  if (at < args.positional.size()) test = str(args.positional[at++]).bytes;
  Arguments rest;
  rest.positional.assign(args.positional.begin() + static_cast<std::ptrdiff_t>(at),
                         args.positional.end());
  List out;
  for (const Value& item : elements(i, value)) {
    i.charge(1);
    const Value v = by_attribute ? path(item, attribute) : item;
    if ((test.empty() ? v.truthy() : i.test(test, v, rest)) == keep) out.push_back(item);
  }
  return make_list(std::move(out));
}

Value sorted(Interpreter& i, List items, const Arguments& args) {
  const Value* reverse = args.find(0, "reverse");
  const Value* attribute = args.find(2, "attribute");
  i.charge(items.size() * 8);
  std::ranges::stable_sort(items, [&](const Value& a, const Value& b) {
    return attribute ? less(path(a, str(*attribute).bytes), path(b, str(*attribute).bytes))
                     : less(a, b);
  });
  if (reverse && reverse->truthy()) std::ranges::reverse(items);
  return make_list(std::move(items));
}

Value join(Interpreter& i, const Value& value, const Arguments& args) {
  const Value* separator = args.find(0, "d");
  const Value* attribute = args.find(1, "attribute");
  Text out;
  bool first = true;
  for (const Value& item : elements(i, value)) {
    if (!first && separator) out.append(str(*separator));
    out.append(str(attribute ? path(item, str(*attribute).bytes) : item));
    i.charge(1 + out.bytes.size() / 4096);
    first = false;
  }
  return {std::move(out)};
}

Value to_int(const Value& v, const Arguments& args) {
  const Value* fallback = args.find(0, "default");
  const Value otherwise = fallback ? *fallback : Value{int64_t{0}};
  if (v.get<int64_t>()) return v;
  if (v.is_number()) {
    const double x = number(v);
    return std::abs(x) < 9e18 ? Value{static_cast<int64_t>(x)} : otherwise;
  }
  const auto* t = v.get<Text>();
  if (!t) return otherwise;
  char* end = nullptr;
  const double x = std::strtod(t->bytes.c_str(), &end);
  if (end == t->bytes.c_str() || *end != '\0' || !(std::abs(x) < 9e18)) return otherwise;
  return {static_cast<int64_t>(x)};
}

Value to_float(const Value& v, const Arguments& args) {
  const Value* fallback = args.find(0, "default");
  if (v.is_number()) return {number(v)};
  if (const auto* t = v.get<Text>()) {
    char* end = nullptr;
    const double x = std::strtod(t->bytes.c_str(), &end);
    if (end != t->bytes.c_str() && *end == '\0') return {x};
  }
  return fallback ? *fallback : Value{0.0};
}

}  // namespace

bool is_text_method(std::string_view name) {
  static constexpr std::string_view kNames[] = {
      "startswith", "endswith", "strip", "lstrip",  "rstrip",  "split",      "rsplit",
      "splitlines", "replace",  "upper", "lower",   "title",   "capitalize", "join",
      "find",       "index",    "count", "isdigit", "isalpha", "isalnum",    "isspace"};
  return std::ranges::find(kNames, name) != std::end(kNames);
}

// Those that change a list are known and refused, as in the sandbox of transformers.
bool is_list_method(std::string_view name) {
  static constexpr std::string_view kNames[] = {"index", "count",   "copy",   "append",
                                                "pop",   "extend",  "insert", "remove",
                                                "clear", "reverse", "sort"};
  return std::ranges::find(kNames, name) != std::end(kNames);
}

List elements(Interpreter& i, const Value& value) {
  if (const List* l = value.list()) {
    i.charge(l->size());
    return *l;
  }
  List out;
  if (const Dict* d = value.dict()) {
    i.charge(d->size());
    for (const auto& [key, v] : *d) out.push_back(key);
  } else if (const auto* t = value.get<Text>()) {
    i.charge(t->bytes.size());
    for (size_t at = 0; at < t->bytes.size();) {
      const size_t begin = at;
      utf8::decode(t->bytes, at);
      out.push_back({t->slice(begin, at)});
    }
  } else if (!value.is_undefined()) {
    i.refuse(fmt::format("a {} cannot be walked over", value.type_name()));
  }
  return out;
}

Value Interpreter::filter(const std::string& name, const Value& v, const Arguments& args) {
  charge(1);
  if (name == "tojson") {
    const int64_t indent = integer(*this, args.find(0, "indent"), -1, "tojson");
    const Value* ascii = args.find(~size_t{0}, "ensure_ascii");
    const Value* sort = args.find(~size_t{0}, "sort_keys");
    std::string json = to_json(v, {static_cast<int>(std::clamp<int64_t>(indent, -1, 16)),
                                   ascii && ascii->truthy(), sort && sort->truthy()});
    charge(json.size() / 64);
    return {Text::from_user(std::move(json))};
  }
  if (name == "trim")
    return {
        strip(str(v), args.find(0, "chars") ? str(*args.find(0, "chars")).bytes : "", true, true)};
  if (name == "length" || name == "count") {
    if (const auto* t = v.get<Text>()) {
      charge(t->bytes.size() / 16);
      return {static_cast<int64_t>(elements(*this, v).size())};
    }
    if (v.is_undefined()) return {int64_t{0}};
    if (!v.list() && !v.dict()) refuse(fmt::format("a {} has no length", v.type_name()));
    return {static_cast<int64_t>(v.list() ? v.list()->size() : v.dict()->size())};
  }
  if (name == "join") return join(*this, v, args);
  if (name == "list") return make_list(elements(*this, v));
  if (name == "string") return {str(v)};
  if (name == "safe") {
    Text out = str(v);
    out.markup = true;
    return {std::move(out)};
  }
  if (name == "e" || name == "escape" || name == "forceescape") {
    Text out = str(v);
    if (name == "forceescape") out.markup = false;
    return {escaped(out)};
  }
  if (name == "int") return to_int(v, args);
  if (name == "float") return to_float(v, args);
  if (name == "abs") {
    if (!v.get<int64_t>()) return {std::abs(number(v))};
    return *v.get<int64_t>() < 0 ? arithmetic("-", Value{int64_t{0}}, v) : v;
  }
  if (name == "round") {
    const double scale =
        std::pow(10.0, static_cast<double>(integer(*this, args.find(0, "precision"), 0, "round")));
    return {std::nearbyint(number(v) * scale) / scale};
  }
  if (name == "items") {
    if (v.is_undefined()) return make_list({});
    if (!v.dict()) refuse(fmt::format("'items' of a {}", v.type_name()));
    return make_list(pairs(*v.dict()));
  }
  if (name == "dictsort") {
    if (!v.dict()) refuse(fmt::format("'dictsort' of a {}", v.type_name()));
    List items = pairs(*v.dict());
    charge(items.size() * 8);
    std::ranges::stable_sort(items, [](const Value& a, const Value& b) {
      return change_case(str((*a.list())[0]).bytes, false) <
             change_case(str((*b.list())[0]).bytes, false);
    });
    return make_list(std::move(items));
  }
  if (name == "map") return map(*this, v, args);
  if (name == "select" || name == "reject") return select(*this, v, args, false, name == "select");
  if (name == "selectattr" || name == "rejectattr")
    return select(*this, v, args, true, name == "selectattr");
  if (name == "default" || name == "d") {
    const Value* also_false = args.find(1, "boolean");
    const bool use = v.is_undefined() || (also_false && also_false->truthy() && !v.truthy());
    return use ? (args.find(0, "default_value") ? *args.find(0, "default_value") : text("")) : v;
  }
  if (name == "first" || name == "last") {
    const List all = elements(*this, v);
    if (all.empty()) return Value{Undefined{name}};
    return name == "first" ? all.front() : all.back();
  }
  if (name == "min" || name == "max") {
    const List all = elements(*this, v);
    if (all.empty()) return Value{Undefined{name}};
    return name == "min" ? *std::ranges::min_element(all, less)
                         : *std::ranges::max_element(all, less);
  }
  if (name == "sum") {
    Value total{int64_t{0}};
    for (const Value& item : elements(*this, v)) total = arithmetic("+", total, item);
    return total;
  }
  if (name == "unique") {
    List out;
    for (const Value& item : elements(*this, v)) {
      charge(out.size());
      if (std::ranges::none_of(out, [&](const Value& seen) { return equal(seen, item); }))
        out.push_back(item);
    }
    return make_list(std::move(out));
  }
  if (name == "sort") return sorted(*this, elements(*this, v), args);
  if (name == "reverse") {
    List all = elements(*this, v);
    std::ranges::reverse(all);
    if (!v.get<Text>()) return make_list(std::move(all));
    Text out;
    for (const Value& c : all) out.append(*c.get<Text>());
    return {std::move(out)};
  }
  if (name == "replace") {
    Text plain = str(v);
    plain.markup = false;
    return method(Value{std::move(plain)}, "replace", args);
  }
  if (name == "lower" || name == "upper" || name == "title")
    return method(Value{str(v)}, name, args);
  if (name == "capitalize") return {like(str(v), capitalized(str(v).bytes))};
  if (name == "indent") {
    const auto width = static_cast<size_t>(
        std::clamp<int64_t>(integer(*this, args.find(0, "width"), 4, "indent"), 0, 256));
    const Value* first = args.find(1, "first");
    const Value* blank = args.find(2, "blank");
    Text out = indented(str(v), width, first && first->truthy(), blank && blank->truthy());
    charge(out.bytes.size() / 16);
    return {std::move(out)};
  }
  refuse(fmt::format("unknown filter '{}'", name));
}

bool Interpreter::test(const std::string& name, const Value& v, const Arguments& args) {
  charge(1);
  const auto argument = [&]() -> const Value& {
    if (args.positional.empty()) refuse(fmt::format("test '{}' needs an argument", name));
    return args.positional[0];
  };
  if (name == "defined") return !v.is_undefined();
  if (name == "undefined") return v.is_undefined();
  if (name == "none") return v.is_none();
  if (name == "string") return v.get<Text>() != nullptr;
  if (name == "number") return v.is_number();
  if (name == "integer") return v.get<int64_t>() != nullptr;
  if (name == "float") return v.get<double>() != nullptr;
  if (name == "boolean") return v.get<bool>() != nullptr;
  if (name == "true") return v.get<bool>() && *v.get<bool>();
  if (name == "false") return v.get<bool>() && !*v.get<bool>();
  if (name == "mapping") return v.dict() != nullptr;
  if (name == "sequence" || name == "iterable") return v.list() || v.dict() || v.get<Text>();
  if (name == "callable") return v.get<Macro>() || v.get<Method>() || v.get<Builtin>();
  if (name == "odd" || name == "even")
    return (integer(*this, &v, 0, name) % 2 != 0) == (name == "odd");
  if (name == "divisibleby") {
    const int64_t by = integer(*this, &argument(), 1, name);
    if (by == 0) refuse("division by zero");
    return by == -1 || integer(*this, &v, 0, name) % by == 0;
  }
  if (name == "equalto" || name == "eq" || name == "sameas") return equal(v, argument());
  if (name == "ne") return !equal(v, argument());
  if (name == "in") return contains(argument(), v);
  if (name == "lt") return less(v, argument());
  if (name == "gt") return less(argument(), v);
  if (name == "lower" || name == "upper") {
    const std::string& s = text_of(*this, v, name).bytes;
    return change_case(s, name == "upper") == s && change_case(s, name != "upper") != s;
  }
  refuse(fmt::format("unknown test '{}'", name));
}

Value Interpreter::method(const Value& self, const std::string& name, const Arguments& args) {
  charge(1);
  if (const auto* t = self.get<Text>()) {
    charge(t->bytes.size() / 16);
    const auto argument = [&](size_t i) -> const Text& {
      if (i >= args.positional.size()) refuse(fmt::format("'{}' needs an argument", name));
      return text_of(*this, args.positional[i], name);
    };
    if (name == "startswith" || name == "endswith") {
      const auto fits = [&](const Value& v) {
        const std::string& s = text_of(*this, v, name).bytes;
        return name == "startswith" ? t->bytes.starts_with(s) : t->bytes.ends_with(s);
      };
      if (args.positional.empty()) refuse(fmt::format("'{}' needs an argument", name));
      const List* any = args.positional[0].list();
      return {any ? std::ranges::any_of(*any, fits) : fits(args.positional[0])};
    }
    if (name == "strip" || name == "lstrip" || name == "rstrip") {
      const bool given = !args.positional.empty() && !args.positional[0].is_none();
      return {strip(*t, given ? argument(0).bytes : "", name != "rstrip", name != "lstrip")};
    }
    if (name == "split" || name == "rsplit") {
      const bool given = !args.positional.empty() && !args.positional[0].is_none();
      const int64_t most = integer(*this, args.find(1, "maxsplit"), -1, name);
      List parts = given ? split_by_text(*t, argument(0).bytes, most, name == "rsplit")
                         : split_spaces(*t, most);
      charge(parts.size());
      return make_list(std::move(parts));
    }
    if (name == "splitlines") return make_list(split_lines(*t));
    if (name == "replace") {
      const int64_t most = integer(*this, args.find(2, "count"), -1, name);
      const Text to = t->markup ? escaped(argument(1)) : argument(1);
      Text out = replaced(*t, argument(0).bytes, to, most, output_limit_);
      charge(out.bytes.size() / 16);
      return {std::move(out)};
    }
    if (name == "upper" || name == "lower")
      return {like(*t, change_case(t->bytes, name == "upper"))};
    if (name == "title") return {like(*t, title_case(t->bytes))};
    if (name == "capitalize") return {like(*t, capitalized(t->bytes))};
    if (name == "join") {
      if (args.positional.empty()) refuse("'join' needs an argument");
      return join(*this, args.positional[0], {{self}, {}});
    }
    if (name == "find" || name == "index" || name == "count") {
      const std::string& needle = argument(0).bytes;
      if (name == "count") return {count_text(t->bytes, needle)};
      const size_t at = t->bytes.find(needle);
      if (at == t->bytes.npos && name == "index") refuse("substring not found");
      return {at == t->bytes.npos ? int64_t{-1}
                                  : count_characters(std::string_view(t->bytes).substr(0, at))};
    }
    if (name == "isdigit" || name == "isalpha" || name == "isalnum" || name == "isspace") {
      return {all_characters(t->bytes, name)};
    }
  } else if (const Dict* d = self.dict()) {
    if (name == "copy") return make_dict(Dict(*d));
    if (name == "items") return make_list(pairs(*d));
    if (name == "keys") return make_list(elements(*this, self));
    if (name == "values") {
      List out;
      for (const auto& [key, value] : *d) out.push_back(value);
      return make_list(std::move(out));
    }
    if (name == "get") {
      if (args.positional.empty()) refuse("'get' needs a key");
      for (const auto& [key, value] : *d) {
        if (equal(key, args.positional[0])) return value;
      }
      const Value* fallback = args.find(1, "default");
      return fallback ? *fallback : Value{None{}};
    }
  } else if (const auto* shared = self.get<std::shared_ptr<List>>()) {
    if (name == "copy") return make_list(**shared);
    if (name == "index" || name == "count") {
      if (args.positional.empty()) refuse(fmt::format("'{}' needs a value", name));
      charge((*shared)->size());
      const auto same = [&](const Value& v) { return equal(v, args.positional[0]); };
      if (name == "count") return {static_cast<int64_t>(std::ranges::count_if(**shared, same))};
      const auto found = std::ranges::find_if(**shared, same);
      if (found == (*shared)->end()) refuse("the value is not in the list");
      return {static_cast<int64_t>(found - (*shared)->begin())};
    }
  }
  refuse(fmt::format("method '{1}' of a {0} is not allowed", self.type_name(), name));
}

Value Interpreter::function(const std::string& name, const Arguments& args) {
  if (name == "range") {
    constexpr int64_t kMost = 100'000;
    int64_t begin = 0, end = 0, step = 1;
    if (args.positional.size() == 1) {
      end = integer(*this, &args.positional[0], 0, name);
    } else if (args.positional.size() >= 2) {
      begin = integer(*this, &args.positional[0], 0, name);
      end = integer(*this, &args.positional[1], 0, name);
      if (args.positional.size() > 2) step = integer(*this, &args.positional[2], 1, name);
    }
    if (step == 0) refuse("range with step 0");
    const double count =
        (static_cast<double>(end) - static_cast<double>(begin)) / static_cast<double>(step);
    if (count > kMost)
      throw fail(ErrorCode::too_big, "template: line {}: range of more than {}", line_, kMost);
    List out;
    for (int64_t i = begin; step > 0 ? i < end : i > end;) {
      out.push_back({i});
      if (__builtin_add_overflow(i, step, &i)) break;
    }
    charge(out.size());
    return make_list(std::move(out));
  }
  if (name == "namespace" || name == "dict") {
    Dict out;
    if (!args.positional.empty() && args.positional[0].dict()) out = *args.positional[0].dict();
    for (const auto& [key, value] : args.named) set_member(out, text(key), value);
    if (name == "dict") return make_dict(std::move(out));
    auto space = std::make_shared<Dict>(std::move(out));
    space->is_namespace = true;
    space->depth = 1;
    namespaces_.push_back(space);
    return {std::move(space)};
  }
  if (name == "raise_exception") {
    refuse(args.positional.empty() ? "raised by the template"
                                   : utf8::sanitize(one_line(str(args.positional[0]).bytes)));
  }
  if (name == "strftime_now") {
    if (args.positional.empty()) refuse("'strftime_now' needs a format");
    const std::string& format = text_of(*this, args.positional[0], name).bytes;
    const auto when = static_cast<std::time_t>(now_ >= 0 ? now_ : std::time(nullptr));
    std::tm parts{};
    now_ >= 0 ? gmtime_r(&when, &parts) : localtime_r(&when, &parts);
    char out[256];
    const size_t n =
        format.size() > 64 ? 0 : std::strftime(out, sizeof(out), format.c_str(), &parts);
    return text(std::string(out, n));
  }
  refuse(fmt::format("unknown function '{}'", name));
}

}  // namespace ominix::text::jinja
