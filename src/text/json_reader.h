#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace ominix::text {

// Reads JSON in one pass without building it: what the megabytes of a vocabulary need. Strict as
// parse_json, except that the visitor decides about keys that stand twice.
class JsonReader {
 public:
  enum class Kind : uint8_t { object, array, string, number, boolean, null };

  // `where` starts the text of errors. Errors of all members: corrupt_data, too_big (nesting).
  JsonReader(std::string_view text, std::string_view where);
  // Reads a value that skip() of another reader returned.
  static JsonReader of_value(std::string_view value, std::string_view where);

  Kind peek();

  // Calls visit(key) for each member; it must read the value, with any one of these functions.
  template <class Visit>
  void object(Visit&& visit) {
    if (!open('{', '}')) return;
    do {
      key_.assign(string());
      expect(':');
      visit(std::string_view(key_));
    } while (more('}'));
  }
  // Like object(), for flat objects: the key is only valid until the value is read.
  template <class Visit>
  void flat_object(Visit&& visit) {
    if (!open('{', '}')) return;
    do {
      const std::string_view key = string();
      expect(':');
      visit(key);
    } while (more('}'));
  }
  template <class Visit>
  void array(Visit&& visit) {
    if (!open('[', ']')) return;
    do {
      visit();
    } while (more(']'));
  }

  // Valid until the next call of string().
  std::string_view string();
  int64_t integer();
  double number();
  bool boolean();
  void null();
  // Passes over any value and returns its text.
  std::string_view skip();
  // Nothing but white space may follow.
  void end();

  [[noreturn]] void refuse(std::string_view reason) const;

 private:
  bool open(char first, char last);
  bool more(char last);
  void expect(char c);
  void literal(std::string_view word);
  void white() {
    while (at_ < text_.size() &&
           (text_[at_] == ' ' || text_[at_] == '\n' || text_[at_] == '\t' || text_[at_] == '\r'))
      ++at_;
  }
  std::string_view number_text();
  uint32_t hex4();
  std::string_view escaped_string(size_t begin);

  JsonReader() = default;

  std::string_view text_, where_;
  size_t at_ = 0;
  int depth_ = 0;
  std::string unescaped_, key_;
};

}  // namespace ominix::text
