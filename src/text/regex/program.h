#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "text/regex/char_set.h"
#include "text/regex/regex.h"

namespace ominix::text {

enum class Op : uint8_t {
  set,    // one character of sets[x], then the next instruction
  run,    // as many characters of sets[x] as there are, at least y (possessive)
  split,  // try x, then y
  jump,   // to x
  look,   // go on if looks[x] holds here
  line_begin,
  line_end,
  text_begin,
  text_end,
  text_end_or_newline,
  word_border,
  no_word_border,
  match
};

// In y of a run: at most one character.
inline constexpr uint32_t kOnce = 0x80000000u;

struct Instruction {
  Op op;
  uint32_t x = 0, y = 0;
  uint32_t slot = 0;  // split: its place in the memory of failures
};

// (?=…) and its like. The body of an ahead is the instructions from `begin` to its match.
struct Look {
  bool behind = false, negative = false;
  bool single = false;  // only tests the one character before or behind, against sets[set]
  uint32_t set = 0;
  uint32_t begin = 0, end = 0;
  std::vector<uint32_t> order;  // instructions of the body, those that others need first
};

struct RegexProgram {
  std::vector<Instruction> code;
  std::vector<CharSet> sets;
  std::vector<Look> looks;  // inner before outer
  uint32_t start = 0;
  uint32_t slots = 0;
  bool may_be_empty = false;
  CharSet first;  // what a match can begin with, when it cannot be empty
};

namespace regex {

// The pattern as a tree. Children are indices, so that nothing is nested deeper than the parser.
struct Node {
  enum class Kind : uint8_t { empty, set, sequence, choice, repeat, look, anchor };
  enum class Mode : uint8_t { greedy, lazy, possessive };
  Kind kind = Kind::empty;
  std::vector<uint32_t> children;
  uint32_t set = 0;                       // set
  uint32_t min = 0, max = 0;              // repeat; max kMany: without end
  Mode mode = Mode::greedy;               // repeat
  bool behind = false, negative = false;  // look
  Op anchor = Op::match;                  // anchor
};
inline constexpr uint32_t kMany = ~uint32_t{0};

struct Tree {
  std::vector<Node> nodes;
  std::vector<CharSet> sets;
  uint32_t root = 0;
};

// Errors: corrupt_data, unsupported, too_big.
Tree parse(std::string_view pattern);

}  // namespace regex
}  // namespace ominix::text
