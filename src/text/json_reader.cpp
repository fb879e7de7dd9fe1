#include "text/json_reader.h"

#include <charconv>
#include <cmath>

#include "base/error.h"
#include "base/utf8.h"

namespace ominix::text {
namespace {

constexpr int kMaxDepth = 64;

}  // namespace

JsonReader::JsonReader(std::string_view text, std::string_view where) : text_(text), where_(where) {
  if (!utf8::is_valid(text)) refuse("text that is not UTF-8");
}

JsonReader JsonReader::of_value(std::string_view value, std::string_view where) {
  JsonReader r;
  r.text_ = value;
  r.where_ = where;
  return r;
}

void JsonReader::refuse(std::string_view reason) const {
  throw fail(ErrorCode::corrupt_data, "{}: not valid JSON at byte {}: {}", where_, at_, reason);
}

JsonReader::Kind JsonReader::peek() {
  white();
  if (at_ >= text_.size()) refuse("it ends too early");
  switch (text_[at_]) {
    case '{':
      return Kind::object;
    case '[':
      return Kind::array;
    case '"':
      return Kind::string;
    case 't':
    case 'f':
      return Kind::boolean;
    case 'n':
      return Kind::null;
    default:
      return Kind::number;
  }
}

bool JsonReader::open(char first, char last) {
  expect(first);
  if (++depth_ > kMaxDepth) {
    throw fail(ErrorCode::too_big, "{}: JSON nested deeper than {} levels", where_, kMaxDepth);
  }
  white();
  if (at_ < text_.size() && text_[at_] == last) {
    ++at_;
    --depth_;
    return false;
  }
  return true;
}

bool JsonReader::more(char last) {
  white();
  if (at_ < text_.size() && text_[at_] == ',') {
    ++at_;
    return true;
  }
  expect(last);
  --depth_;
  return false;
}

void JsonReader::expect(char c) {
  white();
  if (at_ >= text_.size() || text_[at_] != c) refuse(fmt::format("expected '{}'", c));
  ++at_;
}

std::string_view JsonReader::string() {
  expect('"');
  const size_t begin = at_;
  for (;; ++at_) {
    if (at_ >= text_.size()) refuse("a string without end");
    const char c = text_[at_];
    if (c == '"') return text_.substr(begin, at_++ - begin);
    if (c == '\\') return escaped_string(begin);
    if (static_cast<unsigned char>(c) < 0x20) refuse("a control character in a string");
  }
}

std::string_view JsonReader::escaped_string(size_t begin) {
  unescaped_.assign(text_.substr(begin, at_ - begin));
  while (true) {
    if (at_ >= text_.size()) refuse("a string without end");
    const char c = text_[at_++];
    if (c == '"') return unescaped_;
    if (static_cast<unsigned char>(c) < 0x20) refuse("a control character in a string");
    if (c != '\\') {
      unescaped_ += c;
      continue;
    }
    if (at_ >= text_.size()) refuse("a string without end");
    switch (const char e = text_[at_++]) {
      case '"':
      case '\\':
      case '/':
        unescaped_ += e;
        break;
      case 'b':
        unescaped_ += '\b';
        break;
      case 'f':
        unescaped_ += '\f';
        break;
      case 'n':
        unescaped_ += '\n';
        break;
      case 'r':
        unescaped_ += '\r';
        break;
      case 't':
        unescaped_ += '\t';
        break;
      case 'u': {
        uint32_t code = hex4();
        if (code >= 0xDC00 && code < 0xE000) refuse("half a surrogate pair");
        if (code >= 0xD800 && code < 0xDC00) {
          if (text_.substr(at_, 2) != "\\u") refuse("half a surrogate pair");
          at_ += 2;
          const uint32_t low = hex4();
          if (low < 0xDC00 || low >= 0xE000) refuse("half a surrogate pair");
          code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
        }
        utf8::append(unescaped_, code);
        break;
      }
      default:
        refuse("an unknown escape in a string");
    }
  }
}

uint32_t JsonReader::hex4() {
  if (text_.size() - at_ < 4) refuse("an unfinished \\u escape");
  uint32_t value = 0;
  const char* begin = text_.data() + at_;
  const auto [end, error] = std::from_chars(begin, begin + 4, value, 16);
  if (error != std::errc() || end != begin + 4) refuse("a \\u escape that is not four hex digits");
  at_ += 4;
  return value;
}

std::string_view JsonReader::number_text() {
  white();
  const size_t begin = at_;
  const auto digits = [&] {
    const size_t from = at_;
    while (at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '9') ++at_;
    if (at_ == from) refuse("expected a value");
    return at_ - from;
  };
  if (at_ < text_.size() && text_[at_] == '-') ++at_;
  const bool zero = at_ < text_.size() && text_[at_] == '0';
  if (digits() > 1 && zero) refuse("a number with a leading zero");
  if (at_ < text_.size() && text_[at_] == '.') {
    ++at_;
    digits();
  }
  if (at_ < text_.size() && (text_[at_] == 'e' || text_[at_] == 'E')) {
    ++at_;
    if (at_ < text_.size() && (text_[at_] == '+' || text_[at_] == '-')) ++at_;
    digits();
  }
  return text_.substr(begin, at_ - begin);
}

int64_t JsonReader::integer() {
  const std::string_view digits = number_text();
  int64_t value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (error != std::errc() || end != digits.data() + digits.size()) refuse("expected an integer");
  return value;
}

double JsonReader::number() {
  const std::string_view digits = number_text();
  double value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (error != std::errc() || !std::isfinite(value)) refuse("a number out of range");
  return value;
}

void JsonReader::literal(std::string_view word) {
  white();
  if (text_.substr(at_, word.size()) != word) refuse(fmt::format("expected {}", word));
  at_ += word.size();
}

bool JsonReader::boolean() {
  const bool value = peek() == Kind::boolean && text_[at_] == 't';
  literal(value ? "true" : "false");
  return value;
}

void JsonReader::null() { literal("null"); }

std::string_view JsonReader::skip() {
  const Kind kind = peek();
  const size_t begin = at_;
  switch (kind) {
    case Kind::object:
      flat_object([&](std::string_view) { skip(); });
      break;
    case Kind::array:
      array([&] { skip(); });
      break;
    case Kind::string:
      string();
      break;
    case Kind::number:
      number_text();
      break;
    case Kind::boolean:
      boolean();
      break;
    case Kind::null:
      null();
      break;
  }
  return text_.substr(begin, at_ - begin);
}

void JsonReader::end() {
  white();
  if (at_ != text_.size()) refuse("bytes after the value");
}

}  // namespace ominix::text
