// Expressions of the interpreter.
#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/utf8.h"
#include "text/template/builtins.h"
#include "text/template/interpreter.h"
#include "text/template/text_ops.h"

namespace ominix::text::jinja {
namespace {

using Kind = Node::Kind;

int64_t wrapped(int64_t index, int64_t size) { return index < 0 ? index + size : index; }

// Byte offsets of the characters of a UTF-8 text, and its end.
std::vector<size_t> characters(std::string_view s) {
  std::vector<size_t> out;
  for (size_t at = 0; at < s.size();) {
    out.push_back(at);
    utf8::decode(s, at);
  }
  out.push_back(s.size());
  return out;
}

}  // namespace

Value Interpreter::evaluate(const Node& node) {
  const Level level(*this);
  line_ = node.line;
  charge(1);
  switch (node.kind) {
    case Kind::constant:
      return node.value;
    case Kind::name: {
      const Value* found = lookup(node.name);
      if (!found) return Value{Undefined{node.name}};
      if (const auto* t = found->get<Text>()) charge(t->bytes.size() / 64);
      return *found;
    }
    case Kind::captured:
      return {captured_};
    case Kind::list:
    case Kind::tuple: {
      List out;
      for (const NodePtr& kid : node.kids) out.push_back(evaluate(*kid));
      out.is_tuple = node.kind == Kind::tuple;
      return make_list(std::move(out));
    }
    case Kind::dict: {
      Dict out;
      for (size_t i = 0; i < node.kids.size(); i += 2) {
        set_member(out, evaluate(*node.kids[i]), evaluate(*node.kids[i + 1]));
      }
      return make_dict(std::move(out));
    }
    case Kind::attribute:
      return attribute(evaluate(*node.kids[0]), node.name);
    case Kind::item: {
      const Value value = evaluate(*node.kids[0]);
      return item(value, evaluate(*node.kids[1]));
    }
    case Kind::slice:
      return slice(node);
    case Kind::call:
      return call(node, Value());
    case Kind::filter: {
      const Value value = evaluate(*node.kids[0]);
      return filter(node.name, value, arguments(node));
    }
    case Kind::test: {
      const Value value = evaluate(*node.kids[0]);
      return {test(node.name, value, arguments(node))};
    }
    case Kind::unary: {
      const Value value = evaluate(*node.kids[0]);
      if (node.name == "not") return {!value.truthy()};
      if (const auto* i = value.get<int64_t>()) {
        return {node.name == "-" ? static_cast<int64_t>(0 - static_cast<uint64_t>(*i)) : *i};
      }
      return {node.name == "-" ? -number(value) : number(value)};
    }
    case Kind::binary: {
      const Value a = evaluate(*node.kids[0]);
      return binary(node.name, a, evaluate(*node.kids[1]));
    }
    case Kind::compare:
      return compare(node);
    case Kind::and_: {
      Value left = evaluate(*node.kids[0]);
      return left.truthy() ? evaluate(*node.kids[1]) : left;
    }
    case Kind::or_: {
      Value left = evaluate(*node.kids[0]);
      return left.truthy() ? left : evaluate(*node.kids[1]);
    }
    case Kind::conditional:
      if (evaluate(*node.kids[1]).truthy()) return evaluate(*node.kids[0]);
      return node.kids.size() > 2 ? evaluate(*node.kids[2]) : Value();
    default:
      refuse("a statement where an expression is needed");
  }
}

bool Interpreter::contains(const Value& container, const Value& needle) {
  if (const auto* t = container.get<Text>()) {
    const auto* n = needle.get<Text>();
    if (!n) refuse(fmt::format("'in' a string needs a string, found {}", needle.type_name()));
    charge(t->bytes.size() / 64);
    return t->bytes.find(n->bytes) != t->bytes.npos;
  }
  if (const Dict* d = container.dict()) {
    charge(d->size());
    return std::ranges::any_of(*d, [&](const auto& item) { return equal(item.first, needle); });
  }
  if (const List* l = container.list()) {
    charge(l->size());
    return std::ranges::any_of(*l, [&](const Value& item) { return equal(item, needle); });
  }
  if (container.is_undefined()) return false;
  refuse(fmt::format("'in' a value of type {}", container.type_name()));
}

// a < b < c: each with its neighbour, up to the first that is false.
Value Interpreter::compare(const Node& node) {
  Value left = evaluate(*node.kids[0]), result;
  for (size_t i = 0; i < node.names.size(); ++i) {
    Value right = evaluate(*node.kids[i + 1]);
    result = binary(node.names[i], left, right);
    if (!result.truthy()) break;
    left = std::move(right);
  }
  return result;
}

Value Interpreter::binary(const std::string& op, const Value& a, const Value& b) {
  if (op == "==") return {equal(a, b)};
  if (op == "!=") return {!equal(a, b)};
  if (op == "in") return {contains(b, a)};
  if (op == "not in") return {!contains(b, a)};
  if (op == "~") {
    Text out = str(a);
    const Text tail = str(b);
    charge((out.bytes.size() + tail.bytes.size()) / 64);
    out.append(tail);
    out.markup = false;
    return {out};
  }
  if (op == "<" || op == ">" || op == "<=" || op == ">=") {
    int order = 0;
    if (a.get<Text>() && b.get<Text>()) {
      order = a.get<Text>()->bytes.compare(b.get<Text>()->bytes);
    } else {
      const double x = number(a), y = number(b);
      order = x < y ? -1 : x > y ? 1 : 0;
    }
    return {op == "<" ? order < 0 : op == ">" ? order > 0 : op == "<=" ? order <= 0 : order >= 0};
  }
  return arithmetic(op, a, b);
}

Value Interpreter::arithmetic(const std::string& op, const Value& a, const Value& b) {
  if (a.is_undefined() || b.is_undefined()) {
    refuse(fmt::format("'{}' is undefined",
                       a.is_undefined() ? a.get<Undefined>()->name : b.get<Undefined>()->name));
  }
  if (op == "+" && a.get<Text>() && b.get<Text>()) {
    const bool markup = a.get<Text>()->markup || b.get<Text>()->markup;
    charge((a.get<Text>()->bytes.size() + b.get<Text>()->bytes.size()) / 64);
    Text out = markup ? escaped(*a.get<Text>()) : *a.get<Text>();
    out.append(markup ? escaped(*b.get<Text>()) : *b.get<Text>());
    return {out};
  }
  if (op == "+" && a.list() && b.list()) {
    List out = *a.list();
    charge(out.size() + b.list()->size());
    out.insert(out.end(), b.list()->begin(), b.list()->end());
    return make_list(std::move(out));
  }
  if (op == "*") {
    for (const auto& [value, times] : {std::pair(&a, &b), std::pair(&b, &a)}) {
      if ((value->get<Text>() || value->list()) && times->get<int64_t>()) {
        return repeated(*value, std::max<int64_t>(*times->get<int64_t>(), 0));
      }
    }
  }
  if (op == "%" && a.get<Text>()) {
    const bool several = b.list() && b.list()->is_tuple;
    return {percent_format(*this, *a.get<Text>(), several ? *b.list() : List{b})};
  }
  const bool whole = !a.get<double>() && !b.get<double>();
  const double x = number(a), y = number(b);
  if ((op == "/" || op == "//" || op == "%") && y == 0) refuse("division by zero");
  if (!whole || op == "/" || op == "**") {
    const double r = op == "+"    ? x + y
                     : op == "-"  ? x - y
                     : op == "*"  ? x * y
                     : op == "/"  ? x / y
                     : op == "//" ? std::floor(x / y)
                     : op == "%"  ? x - std::floor(x / y) * y
                                  : std::pow(x, y);
    if (whole && op == "**" && y >= 0 && std::abs(r) < 9e15) return {static_cast<int64_t>(r)};
    return {r};
  }
  const auto i = [](const Value& v) {
    return v.get<int64_t>() ? *v.get<int64_t>() : int64_t{*v.get<bool>()};
  };
  const int64_t p = i(a), q = i(b);
  int64_t r = 0;
  bool overflow = false;
  if (op == "+")
    overflow = __builtin_add_overflow(p, q, &r);
  else if (op == "-")
    overflow = __builtin_sub_overflow(p, q, &r);
  else if (op == "*")
    overflow = __builtin_mul_overflow(p, q, &r);
  else if (q == -1)
    overflow = op == "//" && __builtin_sub_overflow(int64_t{0}, p, &r);  // % gives 0
  else {
    // Python rounds down.
    int64_t quotient = p / q, rest = p % q;
    if (rest != 0 && (rest < 0) != (q < 0)) --quotient, rest += q;
    r = op == "//" ? quotient : rest;
  }
  if (overflow) refuse("a number outside 64 bits");
  return {r};
}

Value Interpreter::repeated(const Value& value, int64_t times) {
  const auto* t = value.get<Text>();
  const size_t size = t ? t->bytes.size() : value.list()->size();
  if (size != 0 && static_cast<uint64_t>(times) > output_limit_ / size) {
    throw fail(ErrorCode::too_big, "template: line {}: a {} repeated {} times", line_,
               value.type_name(), times);
  }
  charge(static_cast<uint64_t>(times) * (t ? 1 + size / 64 : size + 1));
  if (t) {
    Text out;
    for (int64_t i = 0; i < times; ++i) out.append(*t);
    return {out};
  }
  List out;
  for (int64_t i = 0; i < times; ++i)
    out.insert(out.end(), value.list()->begin(), value.list()->end());
  out.is_tuple = value.list()->is_tuple;
  return make_list(std::move(out));
}

Value Interpreter::attribute(const Value& value, const std::string& name) {
  if (value.is_undefined()) refuse(fmt::format("'{}' is undefined", value.get<Undefined>()->name));
  if (const List* l = value.list(); l && l->is_group && (name == "grouper" || name == "list")) {
    return (*l)[name == "list" ? 1 : 0];
  }
  if (const Dict* d = value.dict()) {
    charge(d->size() / 8);
    static constexpr std::string_view kMethods[] = {"items",      "keys",   "values", "get",
                                                    "copy",       "update", "pop",    "popitem",
                                                    "setdefault", "clear"};
    // A call finds the method even where the data has such a key: that is Jinja's order for
    // x.items.
    if (std::ranges::find(kMethods, name) != std::end(kMethods) ||
        (d->loop && (name == "cycle" || name == "changed"))) {
      return {Method{std::make_shared<Value>(value), name}};
    }
    const Value* found = member(*d, name);
    return found ? *found : Value{Undefined{name}};
  }
  if ((value.get<Text>() && is_text_method(name)) || (value.list() && is_list_method(name))) {
    return {Method{std::make_shared<Value>(value), name}};
  }
  return {Undefined{name}};
}

Value Interpreter::item(const Value& value, const Value& key) {
  if (value.is_undefined()) refuse(fmt::format("'{}' is undefined", value.get<Undefined>()->name));
  if (const Dict* d = value.dict()) {
    charge(d->size() / 8);
    for (const auto& [k, v] : *d) {
      if (equal(k, key)) return v;
    }
    return {Undefined{key.get<Text>() ? key.get<Text>()->bytes : "item"}};
  }
  const auto* index = key.get<int64_t>();
  if (const List* l = value.list()) {
    if (!index) return {Undefined{"item"}};
    const auto size = static_cast<int64_t>(l->size());
    const int64_t i = wrapped(*index, size);
    return i >= 0 && i < size ? (*l)[static_cast<size_t>(i)] : Value{Undefined{"item"}};
  }
  if (const auto* t = value.get<Text>()) {
    if (!index) return {Undefined{"item"}};
    charge(t->bytes.size() / 64);
    const std::vector<size_t> at = characters(t->bytes);
    const auto size = static_cast<int64_t>(at.size()) - 1;
    const int64_t i = wrapped(*index, size);
    if (i < 0 || i >= size) return {Undefined{"item"}};
    return {t->slice(at[static_cast<size_t>(i)], at[static_cast<size_t>(i) + 1])};
  }
  return {Undefined{"item"}};
}

Value Interpreter::slice(const Node& node) {
  const Value value = evaluate(*node.kids[0]);
  const auto part = [&](size_t i) -> std::optional<int64_t> {
    if (!node.kids[i]) return std::nullopt;
    const Value v = evaluate(*node.kids[i]);
    if (v.is_none()) return std::nullopt;
    if (!v.get<int64_t>()) refuse("a slice needs whole numbers");
    return *v.get<int64_t>();
  };
  const auto from = part(1), to = part(2), by = part(3);
  const int64_t step = by.value_or(1);
  if (step == 0) refuse("a slice with step 0");
  const auto* t = value.get<Text>();
  if (!t && !value.list()) refuse(fmt::format("a slice of a {}", value.type_name()));
  const std::vector<size_t> at = t ? characters(t->bytes) : std::vector<size_t>();
  const auto size = static_cast<int64_t>(t ? at.size() - 1 : value.list()->size());
  charge(static_cast<uint64_t>(size) / 8);
  const int64_t low = step > 0 ? 0 : -1, high = step > 0 ? size : size - 1;
  const int64_t begin =
      from ? std::clamp(wrapped(*from, size), low, high) : (step > 0 ? 0 : size - 1);
  const int64_t end = to ? std::clamp(wrapped(*to, size), low, high) : (step > 0 ? size : -1);
  Text text_out;
  List list_out;
  for (int64_t i = begin; step > 0 ? i < end : i > end; i += step) {
    const auto k = static_cast<size_t>(i);
    if (t)
      text_out.append(t->slice(at[k], at[k + 1]));
    else
      list_out.push_back((*value.list())[k]);
    if (step > 0 ? step >= end - i : step <= end - i) break;  // the next i may not fit
  }
  return t ? Value{text_out} : make_list(std::move(list_out));
}

}  // namespace ominix::text::jinja
