#include <cctype>

#include "base/error.h"
#include "base/utf8.h"
#include "text/template/syntax.h"

namespace ominix::text::jinja {
namespace {

using Kind = Token::Kind;

bool is_space(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\v' || c == '\f';
}
bool is_word(char c) { return c == '_' || std::isalnum(static_cast<unsigned char>(c)) != 0; }

std::string with_plain_newlines(std::string_view s) {
  std::string out;
  out.reserve(s.size());
  for (size_t i = 0; i < s.size(); ++i) {
    out += s[i] == '\r' ? '\n' : s[i];
    if (s[i] == '\r' && i + 1 < s.size() && s[i + 1] == '\n') ++i;
  }
  return out;
}

class Lexer {
 public:
  explicit Lexer(std::string_view source) : owned_(with_plain_newlines(source)), s_(owned_) {
    // One newline at the very end is not part of the template.
    if (s_.ends_with('\n')) s_.remove_suffix(1);
  }

  std::vector<Token> run() {
    while (at_ < s_.size()) data();
    out_.push_back({Kind::end, "", line_});
    return std::move(out_);
  }

 private:
  [[noreturn]] void refuse(std::string_view what) const {
    throw fail(ErrorCode::corrupt_data, "template: line {}: {}", line_, what);
  }

  void move(size_t to) {
    for (; at_ < to; ++at_) line_ += s_[at_] == '\n';
  }

  // Text up to the next tag, then the tag.
  void data() {
    size_t open = at_;
    for (;; ++open) {
      open = s_.find('{', open);
      if (open == s_.npos || open + 1 >= s_.size()) {
        open = s_.size();
        break;
      }
      const char next = s_[open + 1];
      if (next == '{' || next == '%' || next == '#') break;
    }
    std::string text(s_.substr(at_, open - at_));
    if (trim_next_) text.erase(0, text.find_first_not_of(" \t\n\r\v\f"));
    trim_next_ = false;
    const int line = line_;
    if (open == s_.size()) {
      move(open);
      emit_data(std::move(text), line);
      return;
    }
    const char kind = s_[open + 1];
    const char mark = open + 2 < s_.size() ? s_[open + 2] : ' ';
    if (mark == '-') {
      text.erase(text.find_last_not_of(" \t\n\r\v\f") + 1);
    } else if (kind != '{' && mark != '+') {
      // lstrip_blocks: spaces between the start of a line and a statement go.
      const size_t end = text.find_last_not_of(" \t");
      const bool starts_line = end == text.npos ? line_started_ : text[end] == '\n';
      if (starts_line) text.erase(end == text.npos ? 0 : end + 1);
    }
    move(open + 2 + (mark == '-' || mark == '+' ? 1 : 0));
    emit_data(std::move(text), line);
    if (kind == '#') {
      comment();
    } else if (kind == '%' && word_closes(at_, "raw")) {
      raw();
    } else {
      tag(kind == '{');
    }
  }

  void emit_data(std::string text, int line) {
    if (!text.empty()) out_.push_back({Kind::data, std::move(text), line});
  }

  void comment() {
    const size_t end = s_.find("#}", at_);
    if (end == s_.npos) refuse("a comment that does not end");
    const bool minus = end > at_ && s_[end - 1] == '-';
    move(end + 2);
    after_tag(minus, true);
  }

  // `word` and the end of its tag stand at `at`: where the tag ends, or 0.
  size_t word_closes(size_t at, std::string_view word, bool* minus = nullptr) const {
    const auto blank = [&] {
      while (at < s_.size() && is_space(s_[at])) ++at;
    };
    blank();
    if (s_.substr(at, word.size()) != word) return 0;
    at += word.size();
    blank();
    const bool has_minus = at < s_.size() && s_[at] == '-';
    if (has_minus || (at < s_.size() && s_[at] == '+')) ++at;
    if (s_.substr(at, 2) != "%}") return 0;
    if (minus) *minus = has_minus;
    return at + 2;
  }

  // {% raw %} as it stands {% endraw %}
  void raw() {
    bool minus = false;
    move(word_closes(at_, "raw", &minus));
    const size_t begin = at_;
    for (size_t open = begin; (open = s_.find("{%", open)) != s_.npos; open += 2) {
      size_t word = open + 2;
      const char mark = word < s_.size() ? s_[word] : ' ';
      if (mark == '-' || mark == '+') ++word;
      bool end_minus = false;
      const size_t end = word_closes(word, "endraw", &end_minus);
      if (end == 0) continue;
      std::string text(s_.substr(begin, open - begin));
      if (minus) text.erase(0, text.find_first_not_of(" \t\n\r\v\f"));
      if (mark == '-') {
        text.erase(text.find_last_not_of(" \t\n\r\v\f") + 1);
      } else if (mark != '+') {
        const size_t last = text.find_last_not_of(" \t");
        if (last != text.npos && text[last] == '\n') text.erase(last + 1);
      }
      const int line = line_;
      move(end);
      emit_data(std::move(text), line);
      after_tag(end_minus, true);
      return;
    }
    refuse("a raw block that does not end");
  }

  void after_tag(bool minus, bool statement) {
    trim_next_ = minus;
    line_started_ = false;
    if (!minus && statement && at_ < s_.size() && s_[at_] == '\n') {  // trim_blocks
      move(at_ + 1);
      line_started_ = true;
    }
  }

  void tag(bool output) {
    out_.push_back({output ? Kind::open_output : Kind::open_statement, "", line_});
    int braces = 0;
    for (;;) {
      while (at_ < s_.size() && is_space(s_[at_])) move(at_ + 1);
      if (at_ >= s_.size()) refuse("a tag that does not end");
      const std::string_view rest = s_.substr(at_);
      const std::string_view close = output ? "}}" : "%}";
      const bool minus = rest.starts_with('-') && rest.substr(1).starts_with(close);
      const bool plus = rest.starts_with('+') && rest.substr(1).starts_with(close);
      if (minus || plus || (rest.starts_with(close) && (braces == 0 || !output))) {
        out_.push_back({output ? Kind::close_output : Kind::close_statement, "", line_});
        move(at_ + 2 + (minus || plus ? 1 : 0));
        if (plus) {
          trim_next_ = line_started_ = false;
        } else {
          after_tag(minus, !output);
        }
        return;
      }
      const char c = rest[0];
      braces += c == '{' ? 1 : c == '}' ? -1 : 0;
      if (c == '"' || c == '\'') {
        string(c);
      } else if (std::isdigit(static_cast<unsigned char>(c))) {
        number();
      } else if (is_word(c)) {
        size_t end = at_;
        while (end < s_.size() && is_word(s_[end])) ++end;
        token(Kind::name, end);
      } else {
        for (const std::string_view op : {"==", "!=", "<=", ">=", "//", "**"}) {
          if (rest.starts_with(op)) {
            token(Kind::op, at_ + 2);
            goto next;
          }
        }
        if (std::string_view("+-*/%~<>=.,:|()[]{}").find(c) == std::string_view::npos) {
          refuse(fmt::format("unexpected character 0x{:02x}", static_cast<unsigned char>(c)));
        }
        token(Kind::op, at_ + 1);
      }
    next:;
    }
  }

  void token(Kind kind, size_t end) {
    out_.push_back({kind, std::string(s_.substr(at_, end - at_)), line_});
    move(end);
  }

  void number() {
    size_t end = at_;
    bool decimal = false;
    while (end < s_.size() && (std::isdigit(static_cast<unsigned char>(s_[end])) || s_[end] == '_'))
      ++end;
    if (end + 1 < s_.size() && s_[end] == '.' &&
        std::isdigit(static_cast<unsigned char>(s_[end + 1]))) {
      decimal = true;
      for (++end; end < s_.size() && std::isdigit(static_cast<unsigned char>(s_[end]));) ++end;
    }
    if (end < s_.size() && (s_[end] | 32) == 'e') {
      size_t at = end + 1;
      if (at < s_.size() && (s_[at] == '+' || s_[at] == '-')) ++at;
      if (at < s_.size() && std::isdigit(static_cast<unsigned char>(s_[at]))) {
        decimal = true;
        for (end = at; end < s_.size() && std::isdigit(static_cast<unsigned char>(s_[end]));) ++end;
      }
    }
    token(decimal ? Kind::decimal : Kind::integer, end);
  }

  void string(char quote) {
    std::string out;
    size_t at = at_ + 1;
    for (;; ++at) {
      if (at >= s_.size()) refuse("a string that does not end");
      if (s_[at] == quote) break;
      if (s_[at] != '\\') {
        out += s_[at];
        continue;
      }
      if (++at >= s_.size()) refuse("a string that does not end");
      switch (s_[at]) {
        case 'n':
          out += '\n';
          break;
        case 't':
          out += '\t';
          break;
        case 'r':
          out += '\r';
          break;
        case '\\':
        case '\'':
        case '"':
          out += s_[at];
          break;
        case '\n':
          break;
        case 'a':
          out += '\a';
          break;
        case 'b':
          out += '\b';
          break;
        case 'f':
          out += '\f';
          break;
        case 'v':
          out += '\v';
          break;
        case '0':
        case '1':
        case '2':
        case '3':
        case '4':
        case '5':
        case '6':
        case '7': {
          char32_t c = 0;
          size_t digits = 0;
          for (; digits < 3 && at + digits < s_.size() && s_[at + digits] >= '0' &&
                 s_[at + digits] <= '7';
               ++digits) {
            c = c * 8 + static_cast<char32_t>(s_[at + digits] - '0');
          }
          utf8::append(out, c);
          at += digits - 1;
          break;
        }
        case 'U':
        case 'u':
        case 'x':
          at = code_point(at, out);
          break;
        default:
          out += '\\';
          out += s_[at];
      }
    }
    out_.push_back({Kind::string, std::move(out), line_});
    move(at + 1);
  }

  // \u00e9 or \x1b at s_[at]; returns the last byte of it.
  size_t code_point(size_t at, std::string& out) {
    const size_t digits = s_[at] == 'U' ? 8 : s_[at] == 'u' ? 4 : 2;
    char32_t c = 0;
    for (size_t i = 1; i <= digits; ++i) {
      const char d = at + i < s_.size() ? s_[at + i] : 'z';
      if (!std::isxdigit(static_cast<unsigned char>(d)))
        refuse("an escape without its hexadecimal digits");
      c = c * 16 + static_cast<char32_t>(
                       std::isdigit(static_cast<unsigned char>(d)) ? d - '0' : (d | 32) - 'a' + 10);
    }
    utf8::append(out, c);
    return at + digits;
  }

  std::string owned_;
  std::string_view s_;
  size_t at_ = 0;
  int line_ = 1;
  bool trim_next_ = false, line_started_ = true;
  std::vector<Token> out_;
};

}  // namespace

std::vector<Token> tokenize(std::string_view source) { return Lexer(source).run(); }

}  // namespace ominix::text::jinja
