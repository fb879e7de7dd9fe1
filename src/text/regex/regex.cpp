#include "text/regex/regex.h"

#include <algorithm>
#include <utility>

#include "base/utf8.h"
#include "text/regex/compiler.h"
#include "text/regex/program.h"

namespace ominix::text {

Regex::Regex(std::string_view pattern)
    : program_(std::make_unique<const RegexProgram>(regex::compile(regex::parse(pattern)))) {}
Regex::~Regex() = default;
Regex::Regex(Regex&&) noexcept = default;
Regex& Regex::operator=(Regex&&) noexcept = default;

// Backtracking that remembers. A branch (a split at a place) that was once left without success can
// only fail again, whatever led to it, so it is tried once in all searches of a text: the work is
// bounded by text times splits. Looks are tables over the text, filled in one pass from its end.
struct Regex::Matches::State {
  State(const RegexProgram& program, std::string_view text)
      : program(program),
        text(text),
        words((program.slots + 63) / 64),
        looks(program.looks.size()) {}

  const RegexProgram& program;
  std::string_view text;
  size_t words;

  size_t next_start = 0;
  size_t last_end = std::string_view::npos;

  struct Branch {
    uint32_t pc;
    size_t at;
  };
  std::vector<Branch> stack;
  std::vector<uint64_t> failed;  // `words` for each byte of the text from `base` on
  size_t base = 0;
  std::vector<std::vector<bool>> looks;  // tables, filled when first asked

  bool first_visit(uint32_t slot, size_t at) {
    const size_t word = (at - base) * words + slot / 64;
    if (word >= failed.size()) failed.resize(std::max(word + words, failed.size() * 2));
    const uint64_t bit = uint64_t{1} << (slot % 64);
    const bool first = !(failed[word] & bit);
    failed[word] |= bit;
    return first;
  }

  // Forgets places before `at`, and what led to a match that ends there.
  void forget_before(size_t at) {
    if (words == 0) return;
    const size_t passed = (at - base) * words;
    if (passed >= failed.size()) {
      failed.clear();
      base = at;
      return;
    }
    std::fill_n(failed.begin() + static_cast<ptrdiff_t>(passed), words, 0);
    if (passed * 2 >= failed.size()) {
      failed.erase(failed.begin(), failed.begin() + static_cast<ptrdiff_t>(passed));
      base = at;
    }
  }

  // The character at `at`, or nothing at the end; `next` moves behind it.
  bool matches_set(uint32_t set, size_t at, size_t& next) const {
    if (at >= text.size()) return false;
    next = at;
    return program.sets[set].has(utf8::decode(text, next));
  }
  bool matches_before(uint32_t set, size_t at) const {
    if (at == 0) return false;
    do {
      --at;
    } while (at > 0 && (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80);
    size_t ignored;
    return matches_set(set, at, ignored);
  }

  bool anchor_holds(Op op, size_t at) const {
    switch (op) {
      case Op::line_begin:
        return at == 0 || (text[at - 1] == '\n' && at < text.size());
      case Op::line_end:
        return at == text.size() || text[at] == '\n';
      case Op::text_begin:
        return at == 0;
      case Op::text_end:
        return at == text.size();
      case Op::text_end_or_newline:
        return at == text.size() || (at + 1 == text.size() && text[at] == '\n');
      default: {
        size_t next = at;
        const bool ahead = at < text.size() && unicode::is_word(utf8::decode(text, next));
        size_t begin = at;
        while (begin > 0 && (static_cast<unsigned char>(text[--begin]) & 0xC0) == 0x80) {
        }
        const bool before = at > 0 && unicode::is_word(utf8::decode(text, begin));
        return (ahead != before) == (op == Op::word_border);
      }
    }
  }

  size_t run_end(const Instruction& i, size_t at, bool& enough) const {
    size_t count = 0;
    for (size_t next; matches_set(i.x, at, next); at = next) {
      ++count;
      if (i.y & kOnce) {
        at = next;
        break;
      }
    }
    enough = count >= (i.y & ~kOnce);
    return at;
  }

  bool look_holds(uint32_t index, size_t at) {
    const Look& look = program.looks[index];
    bool found;
    if (look.single) {
      size_t ignored;
      found = look.behind ? matches_before(look.set, at) : matches_set(look.set, at, ignored);
    } else {
      if (looks[index].empty()) fill(index);
      found = looks[index][at];
    }
    return found != look.negative;
  }

  // From the end of the text back: can the body match from each instruction at each place?
  void fill(uint32_t index) {
    const Look& look = program.looks[index];
    auto& table = looks[index];
    table.assign(text.size() + 1, false);
    const size_t size = look.end - look.begin;
    // Possessive runs skip over places, so that the rows of all places are kept when there is one.
    bool has_run = false;
    for (uint32_t pc = look.begin; pc < look.end; ++pc) {
      has_run |= program.code[pc].op == Op::run;
    }
    std::vector<std::vector<bool>> rows(has_run ? text.size() + 1 : 0);
    std::vector<bool> here(size), behind(size);  // at this character, and at the next one
    for (size_t at = text.size();; --at) {
      const bool is_start =
          at == text.size() || (static_cast<unsigned char>(text[at]) & 0xC0) != 0x80;
      if (is_start) {
        for (const uint32_t pc : look.order) {
          const Instruction& i = program.code[pc];
          const auto can = [&](uint32_t next) { return bool{here[next - look.begin]}; };
          bool ok = false;
          switch (i.op) {
            case Op::match:
              ok = true;
              break;
            case Op::split:
              ok = can(i.x) || can(i.y);
              break;
            case Op::jump:
              ok = can(i.x);
              break;
            case Op::set: {
              size_t next;
              ok = matches_set(i.x, at, next) && behind[pc + 1 - look.begin];
              break;
            }
            case Op::run: {
              bool enough;
              const size_t end = run_end(i, at, enough);
              ok = enough && (end == at ? can(pc + 1) : bool{rows[end][pc + 1 - look.begin]});
              break;
            }
            case Op::look:
              ok = can(pc + 1) && look_holds(i.x, at);
              break;
            default:
              ok = can(pc + 1) && anchor_holds(i.op, at);
          }
          here[pc - look.begin] = ok;
        }
        table[at] = here[0];
        if (has_run) rows[at] = here;
        behind = here;
      }
      if (at == 0) break;
    }
  }

  // The end of the match that begins at `begin`, or npos.
  size_t match_at(size_t begin) {
    stack.assign(1, {program.start, begin});
    while (!stack.empty()) {
      auto [pc, at] = stack.back();
      stack.pop_back();
      for (bool going = true; going;) {
        const Instruction& i = program.code[pc];
        switch (i.op) {
          case Op::match:
            return at;
          case Op::set:
            going = matches_set(i.x, at, at);
            ++pc;
            break;
          case Op::run:
            at = run_end(i, at, going);
            ++pc;
            break;
          case Op::split:
            going = first_visit(i.slot, at);
            if (going) stack.push_back({i.y, at});
            pc = i.x;
            break;
          case Op::jump:
            pc = i.x;
            break;
          case Op::look:
            going = look_holds(i.x, at);
            ++pc;
            break;
          default:
            going = anchor_holds(i.op, at);
            ++pc;
        }
      }
    }
    return std::string_view::npos;
  }

  bool search(size_t from, size_t& begin, size_t& end) {
    for (begin = from; begin <= text.size(); ++begin) {
      if (begin < text.size()) {
        if ((static_cast<unsigned char>(text[begin]) & 0xC0) == 0x80) continue;
        size_t next = begin;
        if (!program.may_be_empty && !program.first.has(utf8::decode(text, next))) continue;
      } else if (!program.may_be_empty) {
        break;
      }
      end = match_at(begin);
      if (end == std::string_view::npos) continue;
      forget_before(end);
      return true;
    }
    return false;
  }
};

Regex::Matches::Matches(const Regex& regex, std::string_view text)
    : state_(std::make_unique<State>(*regex.program_, text)) {}
Regex::Matches::~Matches() = default;

bool Regex::Matches::next(size_t& begin, size_t& end) {
  State& s = *state_;
  while (s.next_start <= s.text.size()) {
    if (!s.search(s.next_start, begin, end)) {
      s.next_start = s.text.size() + 1;
      return false;
    }
    if (begin == end && end == s.last_end) {
      // An empty match right behind the last one: go on behind the next character.
      if (s.next_start >= s.text.size()) {
        s.next_start = s.text.size() + 1;
        return false;
      }
      utf8::decode(s.text, s.next_start);
      continue;
    }
    s.next_start = s.last_end = end;
    return true;
  }
  return false;
}

}  // namespace ominix::text
