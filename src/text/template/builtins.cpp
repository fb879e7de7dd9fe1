// Tests and functions, and what filters and methods share. Names and behaviour: Jinja 3.1 and what
// transformers adds.
#include "text/template/builtins.h"

#include <algorithm>
#include <ctime>

#include "base/error.h"
#include "base/utf8.h"
#include "text/template/interpreter.h"
#include "text/template/text_ops.h"

namespace ominix::text::jinja {
namespace {

// Python's `is`, as far as values here have an identity.
bool same(const Value& a, const Value& b) {
  if (a.v.index() != b.v.index()) return false;
  if (a.list()) return a.list() == b.list();
  if (a.dict()) return a.dict() == b.dict();
  return equal(a, b);
}

}  // namespace

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

bool flag(const Value* v) { return v && v->truthy(); }

Value make_tuple(List items) {
  items.is_tuple = true;
  return make_list(std::move(items));
}

List pairs(const Dict& dict) {
  List out;
  for (const auto& [key, value] : dict) out.push_back(make_tuple({key, value}));
  return out;
}

bool less(Interpreter& i, const Value& a, const Value& b) {
  i.charge(1);
  if (a.is_number() && b.is_number()) return number(a) < number(b);
  if (a.get<Text>() && b.get<Text>()) return a.get<Text>()->bytes < b.get<Text>()->bytes;
  if (a.list() && b.list()) {
    const List &x = *a.list(), &y = *b.list();
    for (size_t k = 0; k < std::min(x.size(), y.size()); ++k) {
      if (!equal(x[k], y[k])) return less(i, x[k], y[k]);
    }
    return x.size() < y.size();
  }
  i.refuse(fmt::format("a {} and a {} have no order", a.type_name(), b.type_name()));
}

Value join(Interpreter& i, const Value& value, const Arguments& args) {
  const Value* separator = args.find(0, "d");
  const Value* attribute = args.find(1, "attribute");
  Text out;
  bool first = true;
  for (const Value& item : elements(i, value)) {
    if (!first && separator) out.append(str(*separator));
    out.append(str(attribute ? i.item(item, *attribute) : item));
    i.charge(1 + out.bytes.size() / 4096);
    first = false;
  }
  return {std::move(out)};
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
  if (name == "sequence" || name == "iterable") {
    return v.list() || v.dict() || v.get<Text>() || v.is_undefined();
  }
  if (name == "callable") return v.get<Macro>() || v.get<Method>() || v.get<Builtin>();
  if (name == "odd" || name == "even")
    return (integer(*this, &v, 0, name) % 2 != 0) == (name == "odd");
  if (name == "divisibleby") {
    const int64_t by = integer(*this, &argument(), 1, name);
    if (by == 0) refuse("division by zero");
    return by == -1 || integer(*this, &v, 0, name) % by == 0;
  }
  if (name == "equalto" || name == "eq" || name == "==") return equal(v, argument());
  if (name == "sameas") return same(v, argument());
  if (name == "ne" || name == "!=") return !equal(v, argument());
  if (name == "in") return contains(argument(), v);
  if (name == "lt" || name == "lessthan" || name == "<") return less(*this, v, argument());
  if (name == "gt" || name == "greaterthan" || name == ">") return less(*this, argument(), v);
  if (name == "le" || name == "<=") return !less(*this, argument(), v);
  if (name == "ge" || name == ">=") return !less(*this, v, argument());
  if (name == "filter") return is_filter(text_of(*this, v, name).bytes);
  if (name == "escaped") return v.get<Text>() && v.get<Text>()->markup;
  if (name == "lower" || name == "upper") {
    return has_case(str(v).bytes, name == "upper");
  }
  refuse(fmt::format("unknown test '{}'", name));
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
