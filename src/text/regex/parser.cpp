#include <algorithm>
#include <optional>

#include "base/error.h"
#include "base/utf8.h"
#include "text/regex/program.h"
#include "text/shown.h"
#include "text/unicode/unicode.h"

namespace ominix::text::regex {
namespace {

constexpr int kMaxDepth = 100;
constexpr uint32_t kMaxRepeat = 1000;
constexpr size_t kMaxPattern = 64 * 1024;

using unicode::Category;

CharSet spaces() {
  CharSet out = CharSet::of(9, 13);
  for (const char32_t c : {0x20, 0x85, 0xA0, 0x1680, 0x2028, 0x2029, 0x202F, 0x205F, 0x3000}) {
    out.add(CharSet::of(c));
  }
  return out.add(CharSet::of(0x2000, 0x200A));
}

const CharSet& words() {
  static const CharSet kWords =
      CharSet::where([](char32_t c) { return unicode::is_word(c) && c != 0x200C && c != 0x200D; });
  return kWords;
}

CharSet ascii(std::string_view chars) {
  CharSet out;
  for (const char c : chars) out.add(CharSet::of(static_cast<unsigned char>(c)));
  return out;
}

class Parser {
 public:
  explicit Parser(std::string_view pattern) : text_(pattern) {
    if (pattern.size() > kMaxPattern) {
      throw fail(ErrorCode::too_big, "regex: a pattern of {} bytes, expected at most {}",
                 pattern.size(), kMaxPattern);
    }
    if (!utf8::is_valid(pattern)) {
      throw fail(ErrorCode::corrupt_data, "regex: the pattern is not UTF-8");
    }
  }

  Tree run() {
    tree_.root = choice();
    if (at_ != text_.size()) refuse("a ')' without '('");
    return std::move(tree_);
  }

 private:
  struct Flags {
    bool ignore_case = false, dot_all = false, extended = false;
  };

  [[noreturn]] void refuse(std::string_view reason,
                           ErrorCode code = ErrorCode::corrupt_data) const {
    throw fail(code, "regex: {} at byte {} of the pattern", reason, at_);
  }
  [[noreturn]] void unsupported(std::string_view what) const {
    refuse(fmt::format("{} cannot be run", what), ErrorCode::unsupported);
  }

  bool more() const { return at_ < text_.size(); }
  bool next_is(std::string_view s) const { return text_.substr(at_).starts_with(s); }
  bool take(std::string_view s) {
    if (!next_is(s)) return false;
    at_ += s.size();
    return true;
  }
  char32_t take_char() {
    if (!more()) refuse("it ends too early");
    return utf8::decode(text_, at_);
  }

  uint32_t add(Node node) {
    tree_.nodes.push_back(std::move(node));
    return static_cast<uint32_t>(tree_.nodes.size() - 1);
  }
  uint32_t set_node(CharSet set) {
    if (flags_.ignore_case) set.ignore_case();
    tree_.sets.push_back(std::move(set));
    return add({.kind = Node::Kind::set, .set = static_cast<uint32_t>(tree_.sets.size() - 1)});
  }
  uint32_t anchor(Op op) { return add({.kind = Node::Kind::anchor, .anchor = op}); }

  uint32_t choice() {
    if (++depth_ > kMaxDepth) refuse("groups nested too deep", ErrorCode::too_big);
    const Flags outer = flags_;
    std::vector<uint32_t> options{sequence()};
    while (take("|")) options.push_back(sequence());
    flags_ = outer;
    --depth_;
    return options.size() == 1 ? options[0]
                               : add({.kind = Node::Kind::choice, .children = std::move(options)});
  }

  uint32_t sequence() {
    std::vector<uint32_t> items;
    while (more() && !next_is("|") && !next_is(")")) {
      if (flags_.extended && skip_blank()) continue;
      const auto item = atom();
      if (item) items.push_back(quantified(*item));
    }
    return add({.kind = Node::Kind::sequence, .children = std::move(items)});
  }

  bool skip_blank() {
    if (text_[at_] == '#') {
      while (more() && text_[at_] != '\n') ++at_;
      return true;
    }
    const bool blank = std::string_view(" \t\r\n\f\v").find(text_[at_]) != std::string_view::npos;
    at_ += blank ? 1 : 0;
    return blank;
  }

  uint32_t quantified(uint32_t item) {
    for (int count = 0; more(); ++count) {
      uint32_t min, max;
      bool braces = false;
      if (take("*")) {
        min = 0, max = kMany;
      } else if (take("+")) {
        min = 1, max = kMany;
      } else if (take("?")) {
        min = 0, max = 1;
      } else if (next_is("{") && interval(min, max)) {
        braces = true;
      } else {
        break;
      }
      if (count == 8) unsupported("a repetition of repetitions of repetitions");
      auto mode = Node::Mode::greedy;
      if (take("?")) {
        // {n}? repeats the interval up to once in this syntax; nobody means that.
        if (braces && min == max) unsupported("{n}?");
        mode = Node::Mode::lazy;
      } else if (!braces && take("+")) {
        mode = Node::Mode::possessive;
      }
      const auto kind = tree_.nodes[item].kind;
      if (kind == Node::Kind::look || kind == Node::Kind::anchor) {
        unsupported("a repeated assertion");
      }
      item = add(
          {.kind = Node::Kind::repeat, .children = {item}, .min = min, .max = max, .mode = mode});
    }
    return item;
  }

  std::optional<uint32_t> number() {
    const size_t begin = at_;
    uint32_t value = 0;
    while (more() && text_[at_] >= '0' && text_[at_] <= '9') {
      value = value * 10 + static_cast<uint32_t>(text_[at_++] - '0');
      if (value > kMaxRepeat) refuse("a repetition of more than 1000", ErrorCode::too_big);
    }
    return at_ == begin ? std::nullopt : std::optional(value);
  }

  // {n} {n,} {n,m} {,m}; anything else is text.
  bool interval(uint32_t& min, uint32_t& max) {
    const size_t begin = at_++;
    const auto low = number();
    const bool comma = take(",");
    const auto high = comma ? number() : low;
    if (!take("}") || (!low && !high)) {
      at_ = begin;
      return false;
    }
    min = low.value_or(0);
    max = high.value_or(kMany);
    if (min > max) refuse("a repetition whose least is above its most");
    return true;
  }

  // Nothing for what only changes flags.
  std::optional<uint32_t> atom() {
    const char c = text_[at_];
    switch (c) {
      case '(':
        return group();
      case '[':
        ++at_;
        return set_node(bracket());
      case '.': {
        ++at_;
        CharSet any = CharSet::of('\n');
        if (flags_.dot_all) any = CharSet();
        return set_node(any.negate());
      }
      case '^':
        ++at_;
        return anchor(Op::line_begin);
      case '$':
        ++at_;
        return anchor(Op::line_end);
      case '\\':
        return escape();
      case '*':
      case '+':
      case '?':
        refuse("a repetition of nothing");
      default:
        return set_node(CharSet::of(take_char()));
    }
  }

  std::optional<uint32_t> group() {
    ++at_;
    if (take("?#")) {
      while (!next_is(")")) take_char();
      ++at_;
      return std::nullopt;
    }
    if (take("?:")) return close(choice());
    if (take("?=")) return look(false, false);
    if (take("?!")) return look(false, true);
    if (take("?<=")) return look(true, false);
    if (take("?<!")) return look(true, true);
    if (take("?>")) unsupported("an atomic group");
    if (take("?<") || take("?P<")) {
      while (!next_is(">")) take_char();
      ++at_;
      return close(choice());
    }
    if (take("?")) return flag_group();
    return close(choice());
  }

  uint32_t close(uint32_t body) {
    if (!take(")")) refuse("a '(' without ')'");
    return body;
  }

  uint32_t look(bool behind, bool negative) {
    const uint32_t body = close(choice());
    return add(
        {.kind = Node::Kind::look, .children = {body}, .behind = behind, .negative = negative});
  }

  std::optional<uint32_t> flag_group() {
    Flags changed = flags_;
    bool on = true;
    while (more()) {
      const char c = text_[at_++];
      if (c == '-') {
        on = false;
      } else if (c == 'i') {
        changed.ignore_case = on;
      } else if (c == 'm' || c == 's') {
        changed.dot_all = on;
      } else if (c == 'x') {
        changed.extended = on;
      } else if (c == ')') {
        // Holds up to the end of the group around it, alternatives included.
        flags_ = changed;
        return choice_with(changed);
      } else if (c == ':') {
        return close(choice_with(changed));
      } else {
        --at_;
        refuse("an unknown group");
      }
    }
    refuse("a '(' without ')'");
  }
  uint32_t choice_with(Flags flags) {
    const Flags outer = flags_;
    flags_ = flags;
    const uint32_t body = choice();
    flags_ = outer;
    return body;
  }

  // The set of \d \s \w \h \p{…} and their opposites, or nothing for other escapes. `at_` is behind
  // the backslash.
  std::optional<CharSet> class_escape() {
    const char c = text_[at_];
    CharSet set;
    switch (c) {
      case 'd':
      case 'D':
        set = CharSet::of(unicode::bit(Category::Nd));
        break;
      case 's':
      case 'S':
        set = spaces();
        break;
      case 'w':
      case 'W':
        set = words();
        break;
      case 'h':
      case 'H':
        set = ascii("0123456789abcdefABCDEF");
        break;
      case 'p':
      case 'P':
        ++at_;
        return property(c == 'P');
      default:
        return std::nullopt;
    }
    ++at_;
    if (c >= 'A' && c <= 'Z') set.negate();
    return set;
  }

  CharSet property(bool negative) {
    std::string name;
    if (take("{")) {
      if (take("^")) negative = !negative;
      while (more() && !next_is("}")) {
        const char c = text_[at_++];
        if (c != ' ' && c != '_' && c != '-') {
          name += c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
        }
      }
      if (!take("}")) refuse("\\p{ without }");
    } else {
      name = static_cast<char>(take_char() | 32);
    }
    auto set = named_set(name);
    if (!set) {
      throw fail(ErrorCode::unsupported, "regex: the character property '{}' is not known",
                 shown(name));
    }
    return negative ? set->negate() : *set;
  }

  static std::optional<CharSet> named_set(std::string_view name) {
    using enum Category;
    using unicode::bit;
    struct Row {
      std::string_view name, alias;
      unicode::CategorySet set;
    };
    static constexpr Row kRows[] = {
        {"l", "letter", unicode::kLetter},
        {"lu", "uppercaseletter", bit(Lu)},
        {"ll", "lowercaseletter", bit(Ll)},
        {"lt", "titlecaseletter", bit(Lt)},
        {"lm", "modifierletter", bit(Lm)},
        {"lo", "otherletter", bit(Lo)},
        {"m", "mark", unicode::kMark},
        {"mn", "nonspacingmark", bit(Mn)},
        {"mc", "spacingmark", bit(Mc)},
        {"me", "enclosingmark", bit(Me)},
        {"n", "number", unicode::kNumber},
        {"nd", "decimalnumber", bit(Nd)},
        {"nl", "letternumber", bit(Nl)},
        {"no", "othernumber", bit(No)},
        {"p", "punctuation", unicode::kPunctuation},
        {"pc", "connectorpunctuation", bit(Pc)},
        {"pd", "dashpunctuation", bit(Pd)},
        {"ps", "openpunctuation", bit(Ps)},
        {"pe", "closepunctuation", bit(Pe)},
        {"pi", "initialpunctuation", bit(Pi)},
        {"pf", "finalpunctuation", bit(Pf)},
        {"po", "otherpunctuation", bit(Po)},
        {"s", "symbol", unicode::kSymbol},
        {"sm", "mathsymbol", bit(Sm)},
        {"sc", "currencysymbol", bit(Sc)},
        {"sk", "modifiersymbol", bit(Sk)},
        {"so", "othersymbol", bit(So)},
        {"z", "separator", unicode::kSeparator},
        {"zs", "spaceseparator", bit(Zs)},
        {"zl", "lineseparator", bit(Zl)},
        {"zp", "paragraphseparator", bit(Zp)},
        {"c", "other", unicode::kOther},
        {"cc", "control", bit(Cc)},
        {"cf", "format", bit(Cf)},
        {"cn", "unassigned", bit(Cn)},
        {"co", "privateuse", bit(Co)},
        {"cs", "surrogate", bit(Cs)},
        {"digit", "digit", bit(Nd)},
        {"cntrl", "cntrl", bit(Cc)},
    };
    for (const Row& row : kRows) {
      if (name == row.name || name == row.alias) return CharSet::of(row.set);
    }
    if (name == "any") return CharSet().negate();
    if (name == "ascii") return CharSet::of(0, 127);
    if (name == "space" || name == "whitespace") return spaces();
    if (name == "word") return words();
    if (name == "xdigit") return ascii("0123456789abcdefABCDEF");
    if (name == "blank") return CharSet::of(unicode::bit(Zs)).add(CharSet::of('\t'));
    if (name == "punct") {
      return CharSet::of(unicode::kPunctuation).add(ascii("$+<=>^`|~"));
    }
    if (const auto script = unicode::script_ranges(name); !script.empty()) {
      CharSet out;
      for (const auto& [first, last] : script) out.add(CharSet::of(first, last));
      return out;
    }
    return std::nullopt;
  }

  char32_t hex(size_t most) {
    char32_t value = 0;
    size_t digits = 0;
    for (; digits < most && more(); ++digits) {
      const char c = text_[at_];
      const int digit = c >= '0' && c <= '9'   ? c - '0'
                        : c >= 'a' && c <= 'f' ? c - 'a' + 10
                        : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                               : -1;
      if (digit < 0) break;
      value = value * 16 + static_cast<char32_t>(digit);
      ++at_;
    }
    if (digits == 0 || value > 0x10FFFF) refuse("not a hexadecimal character");
    return value;
  }

  // The character of an escape that stands for one. `at_` is behind the backslash.
  char32_t char_escape() {
    const char32_t c = take_char();
    switch (c) {
      case 'n':
        return '\n';
      case 'r':
        return '\r';
      case 't':
        return '\t';
      case 'f':
        return '\f';
      case 'v':
        return '\v';
      case 'a':
        return 7;
      case 'e':
        return 27;
      case '0':
        return 0;
      case 'u':
        return hex(4);
      case 'x': {
        if (!take("{")) return hex(2);
        const char32_t value = hex(8);
        if (!take("}")) refuse("\\x{ without }");
        return value;
      }
      default:
        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '1' && c <= '9')) {
          unsupported(fmt::format("\\{}", static_cast<char>(c)));
        }
        return c;
    }
  }

  uint32_t escape() {
    ++at_;
    if (!more()) refuse("it ends in a backslash");
    if (auto set = class_escape()) return set_node(*std::move(set));
    switch (text_[at_]) {
      case 'b':
        return ++at_, anchor(Op::word_border);
      case 'B':
        return ++at_, anchor(Op::no_word_border);
      case 'A':
        return ++at_, anchor(Op::text_begin);
      case 'z':
        return ++at_, anchor(Op::text_end);
      case 'Z':
        return ++at_, anchor(Op::text_end_or_newline);
      default:
        return set_node(CharSet::of(char_escape()));
    }
  }

  // Behind "[".
  CharSet bracket() {
    if (++depth_ > kMaxDepth) refuse("classes nested too deep", ErrorCode::too_big);
    const bool negative = take("^");
    CharSet all, part;
    bool intersected = false;
    for (bool first = true; first || !next_is("]"); first = false) {
      if (!more()) refuse("a '[' without ']'");
      if (take("&&")) {
        intersected ? all.intersect(part) : all = part;
        intersected = true;
        part = CharSet();
      } else if (take("[:")) {
        part.add(posix());
      } else if (take("[")) {
        part.add(bracket());
      } else {
        range(part);
      }
    }
    ++at_;
    intersected ? all.intersect(part) : all = part;
    // Case is ignored before the set is turned round: [^k] then leaves out every k.
    if (flags_.ignore_case) all.ignore_case();
    if (negative) all.negate();
    --depth_;
    return all;
  }

  CharSet posix() {
    const bool negative = take("^");
    const size_t end = text_.find(":]", at_);
    if (end == text_.npos) refuse("[: without :]");
    const std::string_view name = text_.substr(at_, end - at_);
    std::optional<CharSet> set;
    if (name == "alpha")
      set = CharSet(words()).intersect(CharSet::of(unicode::kNumber & ~unicode::bit(Category::Nl))
                                           .add(CharSet::of('_'))
                                           .negate());
    if (name == "alnum") set = CharSet(words()).intersect(CharSet::of('_').negate());
    if (name == "upper") set = CharSet::of(unicode::bit(Category::Lu));
    if (name == "lower") set = CharSet::of(unicode::bit(Category::Ll));
    if (!set) set = named_set(name);
    if (!set) unsupported(fmt::format("[:{}:]", name));
    at_ = end + 2;
    return negative ? set->negate() : *set;
  }

  void range(CharSet& out) {
    char32_t first;
    if (take("\\")) {
      if (!more()) refuse("it ends in a backslash");
      if (auto set = class_escape()) {
        out.add(*set);
        return;
      }
      first = text_[at_] == 'b' ? (++at_, 8) : char_escape();
    } else {
      first = take_char();
    }
    char32_t last = first;
    // A minus before the closing bracket or a class stands for itself.
    if (next_is("-") && !next_is("-]") && !next_is("-[") && at_ + 1 < text_.size()) {
      const size_t before = at_;
      ++at_;
      if (take("\\")) {
        if (!more()) refuse("it ends in a backslash");
        if (class_escape()) {
          at_ = before;
          out.add(CharSet::of(first));
          return;
        }
        last = char_escape();
      } else {
        last = take_char();
      }
      if (last < first) refuse("a range whose first is above its last");
    }
    out.add(CharSet::of(first, last));
  }

  std::string_view text_;
  size_t at_ = 0;
  int depth_ = 0;
  Flags flags_;
  Tree tree_;
};

}  // namespace

Tree parse(std::string_view pattern) { return Parser(pattern).run(); }

}  // namespace ominix::text::regex
