#pragma once

#include <ominix/template.h>

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "text/template/syntax.h"

namespace ominix::text::jinja {

struct Arguments {
  std::vector<Value> positional;
  std::vector<std::pair<std::string, Value>> named;

  // The argument at place i or of this name, or nullptr.
  const Value* find(size_t i, std::string_view name) const;
};

// Runs one template once, within its limits. Errors: invalid_argument, too_big.
class Interpreter final : public Meter {
 public:
  Interpreter(const TemplateLimits& limits, size_t input_bytes, int64_t now);
  ~Interpreter();

  void set_global(std::string name, Value value) { globals_[std::move(name)] = std::move(value); }
  Text run(const Node& root);

  // For the built-in filters, tests, methods and functions.
  void charge(uint64_t steps) override;
  Value filter(const std::string& name, const Value& value, const Arguments& args);
  bool test(const std::string& name, const Value& value, const Arguments& args);
  Value method(const Value& self, const std::string& name, const Arguments& args);
  Value function(const std::string& name, const Arguments& args);
  Value arithmetic(const std::string& op, const Value& a, const Value& b);
  Value attribute(const Value& value, const std::string& name);
  Value item(const Value& value, const Value& key);
  [[noreturn]] void refuse(std::string_view what) const;

 private:
  enum class Flow : uint8_t { normal, stop, next };
  struct Level {
    explicit Level(Interpreter& interpreter);
    ~Level() { --i.depth_; }
    Interpreter& i;
  };

  Flow execute(const Node& node);
  Flow loop(const Node& node, List items);
  void assign(const Node& node, Value value);
  void bind(const std::vector<std::string>& names, const Value& value);
  Text captured(const Node& body);
  Value filtered(const Node& filters, Text text);
  void emit(const Text& text);

  Value evaluate(const Node& node);
  Value binary(const std::string& op, const Value& a, const Value& b);
  Value compare(const Node& node);
  Value repeated(const Value& value, int64_t times);
  Value slice(const Node& node);
  Value call(const Node& node, Value caller);
  Value call_macro(const Macro& macro, const Arguments& args, Value caller);
  Arguments arguments(const Node& node);
  bool contains(const Value& container, const Value& needle);
  const Value* lookup(std::string_view name) const;

  TemplateLimits limits_;
  std::chrono::steady_clock::time_point deadline_;
  int64_t now_;
  uint64_t steps_ = 0, output_limit_;
  int depth_ = 0, line_ = 0, loop_depth_ = 0;
  Scope globals_;
  std::vector<Scope> scopes_;
  // They can hold each other; kept so that none is freed through another.
  std::vector<std::shared_ptr<Dict>> namespaces_;
  Text out_, captured_;
};

bool is_filter(std::string_view name);
bool is_text_method(std::string_view name);
bool is_list_method(std::string_view name);

// The elements that a loop or a filter walks over: of a list, the keys of a dict, the characters of
// a string.
List elements(Interpreter& i, const Value& value);

}  // namespace ominix::text::jinja
