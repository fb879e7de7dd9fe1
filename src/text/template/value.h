#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include <ominix/tokenizer.h>

#include "base/json.h"

namespace ominix::text::jinja {

struct Node;
struct Value;

// A string that knows which of its bytes come from the template.
struct Text {
  std::string bytes;
  std::vector<ByteRange> trusted;  // sorted, disjoint, not touching
  bool markup = false;             // marked by `safe` or `escape`: `+` escapes what is joined to it

  static Text from_template(std::string s);
  static Text from_user(std::string s) { return {std::move(s), {}, false}; }
  bool all_trusted() const {
    return bytes.empty() || (trusted.size() == 1 && trusted[0] == ByteRange{0, bytes.size()});
  }
  void append(const Text& other);
  Text slice(size_t begin, size_t end) const;
};

struct List;
struct Dict;

using Scope = std::map<std::string, Value, std::less<>>;

struct Macro {
  const Node* node;
  std::shared_ptr<const std::vector<Scope>> closure;  // of a call block: what its text sees
};
// A method waiting for its call: value.name(…)
struct Method {
  std::shared_ptr<Value> self;
  std::string name;
};
struct Builtin {
  std::string name;
};
struct Undefined {
  std::string name;
};
struct None {};

struct Value {
  using Variant = std::variant<Undefined, None, bool, int64_t, double, Text, std::shared_ptr<List>,
                               std::shared_ptr<Dict>, Macro, Method, Builtin>;
  Variant v;

  Value() : v(Undefined{}) {}
  Value(Variant x) : v(std::move(x)) {}  // NOLINT: values convert

  template <class T>
  const T* get() const {
    return std::get_if<T>(&v);
  }
  const List* list() const {
    const auto* p = get<std::shared_ptr<List>>();
    return p ? p->get() : nullptr;
  }
  const Dict* dict() const {
    const auto* p = get<std::shared_ptr<Dict>>();
    return p ? p->get() : nullptr;
  }
  bool is_undefined() const { return get<Undefined>() != nullptr; }
  bool is_none() const { return get<None>() != nullptr; }
  bool is_number() const { return get<int64_t>() || get<double>() || get<bool>(); }

  bool truthy() const;
  const char* type_name() const;
};

// How deep values stand in each other is kept with them, so that none is too deep to be freed.
struct List : std::vector<Value> {
  using std::vector<Value>::vector;
  int depth = 1;
  bool is_tuple = false;
  bool is_group = false;  // a pair of `groupby`: its parts are .grouper and .list
};
// What a loop keeps between its turns.
struct LoopState {
  int64_t index0 = 0;
  std::optional<Value> last;   // of loop.changed()
  const Node* node = nullptr;  // of a recursive loop
};
// In the order of insertion. Lookups are linear: these are messages, not data bases.
struct Dict : std::vector<std::pair<Value, Value>> {
  using std::vector<std::pair<Value, Value>>::vector;
  int depth = 1;
  bool is_namespace = false;
  std::shared_ptr<LoopState> loop;  // of the variable `loop`
};

Value text(std::string from_template);
Value make_list(List items);
Value make_dict(Dict items);

// The member of a dict with this string key, or nullptr.
const Value* member(const Dict& dict, std::string_view key);
void set_member(Dict& dict, Value key, Value value);

// Whoever runs a template counts the work on values here, for as long as the Metered lives.
struct Meter {
  virtual void charge(uint64_t steps) = 0;

 protected:
  ~Meter() = default;
};
class Metered {
 public:
  explicit Metered(Meter& meter);
  ~Metered();
  Metered(const Metered&) = delete;
  Metered& operator=(const Metered&) = delete;

 private:
  Meter* outer_;
};

double number(const Value& v);
bool equal(const Value& a, const Value& b, int depth = 0);
// Python's str() and repr() of a value.
Text str(const Value& v);
std::string repr(const Value& v, int depth = 0);
// json.dumps(v, …); without an indent on one line.
struct JsonStyle {
  std::optional<std::string> indent;  // of one level
  std::string comma = ", ", colon = ": ";
  bool ascii = false, sort_keys = false;
};
std::string to_json(const Value& v, const JsonStyle& style, int depth = 0);

Value from_json(const OrderedJson& json, bool trusted);

}  // namespace ominix::text::jinja
