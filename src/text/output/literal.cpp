#include "text/output/literal.h"

#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/utf8.h"

namespace ominix::text::output {
namespace {

constexpr int kMaxDepth = 32;
constexpr size_t kMaxValues = 10'000;

bool is_space(char c) { return c == ' ' || c == '\n' || c == '\t' || c == '\r'; }
bool is_name(char c) {
  return c == '_' || c == '.' || c == '-' || (c >= '0' && c <= '9') ||
         ((c | 32) >= 'a' && (c | 32) <= 'z');
}

// Python's literals; a failure is remembered and ends everything.
class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  bool ok() const { return ok_; }
  bool at_end() {
    blank();
    return at_ == text_.size();
  }
  bool accept(char c) {
    blank();
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  void expect(char c) { ok_ = accept(c) && ok_; }

  std::string name() {
    blank();
    const size_t begin = at_;
    while (at_ < text_.size() && is_name(text_[at_])) ++at_;
    ok_ = ok_ && at_ > begin;
    return std::string(text_.substr(begin, at_ - begin));
  }

  OrderedJson value(int depth = 0) {
    blank();
    if (!ok_ || depth > kMaxDepth || ++values_ > kMaxValues || at_ >= text_.size()) {
      return failed();
    }
    const char c = text_[at_];
    if (c == '"' || c == '\'') return strings();
    if (c == '{') return members(depth);
    if (c == '[' || c == '(') return items(c == '[' ? ']' : ')', depth);
    if (c == '-' || c == '+' || (c >= '0' && c <= '9') || c == '.') return number();
    const std::string word = name();
    if (word == "True" || word == "true") return true;
    if (word == "False" || word == "false") return false;
    if (word == "None" || word == "null") return nullptr;
    return failed();
  }

 private:
  OrderedJson failed() {
    ok_ = false;
    return nullptr;
  }
  void blank() {
    while (at_ < text_.size() && is_space(text_[at_])) ++at_;
  }

  OrderedJson members(int depth) {
    OrderedJson out = OrderedJson::object();
    ++at_;
    while (ok_ && !accept('}')) {
      const OrderedJson key = value(depth + 1);
      expect(':');
      OrderedJson member = value(depth + 1);
      if (!ok_) return failed();
      out[key.is_string() ? key.get<std::string>() : key.dump()] = std::move(member);
      if (!accept(',')) {
        expect('}');
        break;
      }
    }
    return out;
  }

  OrderedJson items(char close, int depth) {
    OrderedJson out = OrderedJson::array();
    ++at_;
    while (ok_ && !accept(close)) {
      out.push_back(value(depth + 1));
      if (!accept(',')) {
        expect(close);
        break;
      }
    }
    return out;
  }

  OrderedJson number() {
    size_t end = at_;
    bool whole = true;
    while (end < text_.size() && (is_name(text_[end]) || text_[end] == '+')) {
      whole &= text_[end] != '.' && (text_[end] | 32) != 'e';
      ++end;
    }
    std::string_view digits = text_.substr(at_, end - at_);
    if (digits.starts_with('+')) digits.remove_prefix(1);
    const char *first = digits.data(), *last = digits.data() + digits.size();
    at_ = end;
    int64_t integer = 0;
    if (whole && std::from_chars(first, last, integer).ptr == last) return integer;
    double real = 0;
    const auto [stop, error] = std::from_chars(first, last, real);
    if (error != std::errc() || stop != last || !std::isfinite(real)) return failed();
    return real;
  }

  // Strings beside each other are one.
  OrderedJson strings() {
    std::string out;
    while (ok_ && at_ < text_.size() && (text_[at_] == '"' || text_[at_] == '\'')) {
      string(out);
      blank();
    }
    return out;
  }

  void string(std::string& out) {
    const char quote = text_[at_];
    const bool triple = text_.substr(at_, 3) == std::string(3, quote);
    const std::string_view close = text_.substr(at_, triple ? 3 : 1);
    at_ += close.size();
    while (true) {
      if (at_ >= text_.size()) {
        ok_ = false;
        return;
      }
      if (text_.substr(at_, close.size()) == close) break;
      if (text_[at_] == '\\') {
        escape(out);
      } else {
        out += text_[at_++];
      }
    }
    at_ += close.size();
  }

  void escape(std::string& out) {
    ++at_;
    const char c = at_ < text_.size() ? text_[at_++] : '\0';
    constexpr std::string_view kFrom = "nrtbf", kTo = "\n\r\t\b\f";
    if (c == '\n') return;
    if (c == 'u' || c == 'x') {
      out += code(c == 'u' ? 4 : 2);
    } else if (const size_t i = kFrom.find(c); i < kTo.size()) {
      out += kTo[i];
    } else if (c == '\\' || c == '\'' || c == '"' || c == '/') {
      out += c;
    } else {
      out += '\\';
      out += c;
    }
  }

  std::string code(size_t digits) {
    const auto hex = [&](size_t count) -> uint32_t {
      uint32_t value = 0;
      if (at_ + count > text_.size()) {
        ok_ = false;
        return 0;
      }
      const char* first = text_.data() + at_;
      ok_ = ok_ && std::from_chars(first, first + count, value, 16).ptr == first + count;
      at_ += count;
      return value;
    };
    uint32_t c = hex(digits);
    if (c >= 0xD800 && c < 0xDC00 && text_.substr(at_, 2) == "\\u") {
      at_ += 2;
      const uint32_t low = hex(4);
      if (low >= 0xDC00 && low < 0xE000) c = 0x10000 + ((c - 0xD800) << 10) + (low - 0xDC00);
    }
    std::string out;
    utf8::append(out, c);
    return out;
  }

  std::string_view text_;
  size_t at_ = 0, values_ = 0;
  bool ok_ = true;
};

std::optional<OrderedJson> read_json(std::string_view text) {
  try {
    return parse_ordered_json(text, "literal", {kMaxDepth, kMaxValues});
  } catch (const Error&) {
    return std::nullopt;
  }
}

}  // namespace

std::optional<OrderedJson> read_literal(std::string_view text) {
  if (auto json = read_json(text)) return json;
  Reader reader(text);
  OrderedJson value = reader.value();
  if (!reader.ok() || !reader.at_end()) return std::nullopt;
  return value;
}

std::optional<std::vector<PythonCall>> read_python_calls(std::string_view text) {
  Reader r(text);
  std::vector<PythonCall> out;
  const bool list = r.accept('[');
  while (r.ok()) {
    std::string function = r.name();
    OrderedJson arguments = OrderedJson::object();
    r.expect('(');
    while (r.ok() && !r.accept(')')) {
      std::string name = r.name();
      r.expect('=');
      if (r.ok()) arguments[std::move(name)] = r.value();
      if (!r.accept(',')) {
        r.expect(')');
        break;
      }
    }
    out.push_back({std::move(function),
                   arguments.dump(-1, ' ', false, OrderedJson::error_handler_t::replace)});
    const bool more = r.accept(',') || (!list && r.ok() && !r.at_end());
    if (!more) break;
    if (list && r.accept(']'))
      return r.ok() && r.at_end() ? std::optional(std::move(out)) : std::nullopt;
  }
  if (list) r.expect(']');
  if (!r.ok() || !r.at_end()) return std::nullopt;
  return out;
}

}  // namespace ominix::text::output
