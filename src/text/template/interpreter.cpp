#include "text/template/interpreter.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/utf8.h"
#include "text/template/builtins.h"
#include "text/template/text_ops.h"

namespace ominix::text::jinja {
namespace {

using Kind = Node::Kind;

constexpr const char* kFunctions[] = {"range", "namespace", "dict", "raise_exception",
                                      "strftime_now"};

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

const Value* Arguments::find(size_t i, std::string_view name) const {
  if (i < positional.size()) return &positional[i];
  for (const auto& [n, value] : named) {
    if (n == name) return &value;
  }
  return nullptr;
}

Interpreter::Interpreter(const TemplateLimits& limits, size_t input_bytes, int64_t now)
    : limits_(limits),
      deadline_(std::chrono::steady_clock::now() + std::chrono::milliseconds(limits.milliseconds)),
      now_(now),
      output_limit_(std::max<uint64_t>(limits.output, 8 * input_bytes)) {
  for (const char* name : kFunctions) globals_[name] = Value{Builtin{name}};
}

Interpreter::~Interpreter() {
  for (const auto& space : namespaces_) space->clear();
}

Interpreter::Level::Level(Interpreter& interpreter) : i(interpreter) {
  // Each level of nesting in the template takes a handful of calls here.
  if (++i.depth_ > i.limits_.depth * 16) {
    throw fail(ErrorCode::too_big, "template: line {}: nested deeper than {} levels", i.line_,
               i.limits_.depth);
  }
}

void Interpreter::refuse(std::string_view what) const {
  throw fail(ErrorCode::invalid_argument, "template: line {}: {}", line_, what);
}

void Interpreter::charge(uint64_t steps) {
  const uint64_t before = steps_;
  steps_ += steps;
  if (steps_ > limits_.steps) {
    throw fail(ErrorCode::too_big, "template: line {}: more than {} steps", line_, limits_.steps);
  }
  if (before / 256 != steps_ / 256 && std::chrono::steady_clock::now() > deadline_) {
    throw fail(ErrorCode::too_big, "template: line {}: took longer than {} ms", line_,
               limits_.milliseconds);
  }
}

Text Interpreter::run(const Node& root) {
  const Metered metered(*this);
  scopes_.emplace_back();
  execute(root);
  return std::move(out_);
}

void Interpreter::emit(const Text& text) {
  charge(1 + text.bytes.size() / 64);
  if (out_.bytes.size() + text.bytes.size() > output_limit_) {
    throw fail(ErrorCode::too_big, "template: line {}: more than {} bytes of output", line_,
               output_limit_);
  }
  out_.append(text);
}

Text Interpreter::captured(const Node& body) {
  Text outer = std::exchange(out_, Text());
  execute(body);
  return std::exchange(out_, std::move(outer));
}

Interpreter::Flow Interpreter::execute(const Node& node) {
  const Level level(*this);
  line_ = node.line;
  charge(1);
  switch (node.kind) {
    case Kind::block:
      for (const NodePtr& kid : node.kids) {
        if (const Flow flow = execute(*kid); flow != Flow::normal) return flow;
      }
      return Flow::normal;
    case Kind::output:
      emit(str(evaluate(*node.kids[0])));
      return Flow::normal;
    case Kind::set:
      assign(node, evaluate(*node.kids[0]));
      return Flow::normal;
    case Kind::set_block: {
      Text text = captured(*node.kids[0]);
      assign(node, node.kids.size() > 1 ? filtered(*node.kids[1], std::move(text))
                                        : Value{std::move(text)});
      return Flow::normal;
    }
    case Kind::filter_block:
      emit(str(filtered(*node.kids[1], captured(*node.kids[0]))));
      return Flow::normal;
    case Kind::with: {
      Scope scope;
      for (size_t i = 0; i < node.names.size(); ++i) {
        scope[node.names[i]] = evaluate(*node.kids[i + 1]);
      }
      scopes_.push_back(std::move(scope));
      const Flow flow = execute(*node.kids[0]);
      scopes_.pop_back();
      return flow;
    }
    case Kind::if_else:
      if (evaluate(*node.kids[0]).truthy()) return execute(*node.kids[1]);
      return node.kids.size() > 2 ? execute(*node.kids[2]) : Flow::normal;
    case Kind::for_loop:
      return loop(node, elements(*this, evaluate(*node.kids[0])));
    case Kind::macro:
      scopes_.back()[node.name] = Value{Macro{&node, nullptr}};
      return Flow::normal;
    case Kind::call_block: {
      for (const Scope& scope : scopes_) {
        charge(scope.size());
        for (const auto& [name, value] : scope) {
          if (const auto* t = value.get<Text>()) charge(t->bytes.size() / 64);
        }
      }
      auto closure = std::make_shared<const std::vector<Scope>>(scopes_);
      emit(str(call(*node.kids[0], Value{Macro{&node, std::move(closure)}})));
      return Flow::normal;
    }
    case Kind::break_loop:
      return Flow::stop;
    case Kind::continue_loop:
      return Flow::next;
    default:
      refuse("an expression where a statement is needed");
  }
}

void Interpreter::assign(const Node& node, Value value) {
  if (!node.attribute.empty()) {
    const Value* space = lookup(node.names[0]);
    const auto* dict = space ? space->get<std::shared_ptr<Dict>>() : nullptr;
    if (!dict || !(*dict)->is_namespace) refuse(fmt::format("'{}' is no namespace", node.names[0]));
    set_member(**dict, text(node.attribute), std::move(value));
    return;
  }
  bind(node.names, value);
}

void Interpreter::bind(const std::vector<std::string>& names, const Value& value) {
  if (names.size() == 1) {
    scopes_.back()[names[0]] = value;
    return;
  }
  const List parts = elements(*this, value);
  if (parts.size() != names.size()) {
    refuse(fmt::format("{} values for {} names", parts.size(), names.size()));
  }
  for (size_t i = 0; i < parts.size(); ++i) scopes_.back()[names[i]] = parts[i];
}

Value Interpreter::filtered(const Node& filters, Text text) {
  Text outer = std::exchange(captured_, std::move(text));
  Value out = evaluate(filters);
  captured_ = std::move(outer);
  return out;
}

Interpreter::Flow Interpreter::loop(const Node& node, List items) {
  const Level level(*this);
  const Node* filter = node.kids[3].get();
  scopes_.emplace_back();
  if (filter) {
    std::erase_if(items, [&](const Value& item) {
      bind(node.names, item);
      return !evaluate(*filter).truthy();
    });
  }
  const auto state = std::make_shared<LoopState>();
  if (!node.attribute.empty()) state->node = &node;
  const int64_t depth = loop_depth_;
  loop_depth_ = 0;
  const auto n = static_cast<int64_t>(items.size());
  for (int64_t i = 0; i < n; ++i) {
    scopes_.back().clear();
    const auto at = static_cast<size_t>(i);
    state->index0 = i;
    Dict loop{{text("index"), {i + 1}},
              {text("index0"), {i}},
              {text("revindex"), {n - i}},
              {text("revindex0"), {n - i - 1}},
              {text("first"), {i == 0}},
              {text("last"), {i == n - 1}},
              {text("length"), {n}},
              {text("depth"), {depth + 1}},
              {text("depth0"), {depth}},
              {text("previtem"), i > 0 ? items[at - 1] : Value()},
              {text("nextitem"), i + 1 < n ? items[at + 1] : Value()}};
    loop.loop = state;
    scopes_.back()["loop"] = make_dict(std::move(loop));
    bind(node.names, items[at]);
    if (execute(*node.kids[1]) == Flow::stop) break;
  }
  scopes_.pop_back();
  loop_depth_ = static_cast<int>(depth);
  if (n == 0 && node.kids[2]) return execute(*node.kids[2]);
  return Flow::normal;
}

const Value* Interpreter::lookup(std::string_view name) const {
  for (auto scope = scopes_.rbegin(); scope != scopes_.rend(); ++scope) {
    if (const auto found = scope->find(name); found != scope->end()) return &found->second;
  }
  const auto found = globals_.find(name);
  return found == globals_.end() ? nullptr : &found->second;
}

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

Arguments Interpreter::arguments(const Node& node) {
  Arguments out;
  for (size_t i = 1; i < node.kids.size(); ++i) {
    Value v = evaluate(*node.kids[i]);
    if (node.names[i - 1].empty())
      out.positional.push_back(std::move(v));
    else
      out.named.emplace_back(node.names[i - 1], std::move(v));
  }
  return out;
}

Value Interpreter::call(const Node& node, Value caller) {
  const Value callee = evaluate(*node.kids[0]);
  const Arguments args = arguments(node);
  line_ = node.line;
  if (const auto* m = callee.get<Macro>()) return call_macro(*m, args, std::move(caller));
  if (const Dict* d = callee.dict(); d && d->loop && d->loop->node) {
    if (args.positional.size() != 1) refuse("a recursive loop takes one list");
    List items = elements(*this, args.positional[0]);
    Text outer = std::exchange(out_, Text());
    const int depth = loop_depth_;
    loop_depth_ = static_cast<int>(*member(*d, "depth")->get<int64_t>());
    loop(*d->loop->node, std::move(items));
    loop_depth_ = depth;
    return {std::exchange(out_, std::move(outer))};
  }
  if (const auto* m = callee.get<Method>()) return method(*m->self, m->name, args);
  if (const auto* f = callee.get<Builtin>()) return function(f->name, args);
  if (callee.is_undefined())
    refuse(fmt::format("'{}' is undefined", callee.get<Undefined>()->name));
  refuse(fmt::format("a {} is no function", callee.type_name()));
}

Value Interpreter::call_macro(const Macro& callee, const Arguments& args, Value caller) {
  const Level level(*this);
  const Node& macro = *callee.node;
  if (args.positional.size() > macro.names.size()) {
    refuse(fmt::format("macro '{}' takes {} arguments, found {}", macro.name, macro.names.size(),
                       args.positional.size()));
  }
  if (callee.closure) {
    std::vector<Scope> outer = std::exchange(scopes_, *callee.closure);
    scopes_.emplace_back();
    for (size_t i = 0; i < macro.names.size(); ++i) {
      const Value* given = args.find(i, macro.names[i]);
      scopes_.back()[macro.names[i]] = given ? *given : Value{Undefined{macro.names[i]}};
    }
    Text out = captured(*macro.kids[1]);
    scopes_ = std::move(outer);
    return {std::move(out)};
  }
  // A macro sees what stands at the top of the template, not where it is called from.
  std::vector<Scope> outer;
  outer.push_back(std::move(scopes_.front()));
  std::swap(outer, scopes_);
  scopes_.emplace_back();
  for (size_t i = 0; i < macro.names.size(); ++i) {
    const Value* given = args.find(i, macro.names[i]);
    Value v = given               ? *given
              : macro.kids[i + 1] ? evaluate(*macro.kids[i + 1])
                                  : Value{Undefined{macro.names[i]}};
    scopes_.back()[macro.names[i]] = std::move(v);
  }
  if (!caller.is_undefined()) scopes_.back()["caller"] = std::move(caller);
  Text out = captured(*macro.kids[0]);
  std::swap(outer, scopes_);
  scopes_.front() = std::move(outer.front());
  return {std::move(out)};
}

}  // namespace ominix::text::jinja
