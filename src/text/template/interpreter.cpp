#include "text/template/interpreter.h"

#include <algorithm>

#include "base/error.h"
#include "base/utf8.h"
#include "text/template/builtins.h"
#include "text/template/text_ops.h"

namespace ominix::text::jinja {
namespace {

using Kind = Node::Kind;

constexpr const char* kFunctions[] = {"range", "namespace", "dict", "raise_exception",
                                      "strftime_now"};

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
  throw fail(ErrorCode::invalid_argument, "template: line {}: {}", line_,
             utf8::sanitize(one_line(what)));
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
