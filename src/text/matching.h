#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "text/patterns.h"
#include "text/regex/regex.h"

namespace ominix::text {

// Part of a text that a pattern matched, or that lies between two matches.
struct Part {
  size_t begin, end;
  bool is_match;
};

// What a tokenizer.json means by "pattern": {"String": …} or {"Regex": …}.
class Pattern {
 public:
  static Pattern literal(std::string text);
  // Known patterns run on their hand-written matcher. Errors: those of Regex.
  static Pattern regex(std::string_view expression);
  // Single characters.
  static Pattern characters(std::function<bool(char32_t)> predicate);

  // The parts cover the text; an empty text is one part that does not match.
  void parts(std::string_view text, std::vector<Part>& out) const;

 private:
  Pattern() = default;
  std::string literal_;
  std::optional<KnownPattern> known_;
  std::optional<Regex> regex_;
  std::function<bool(char32_t)> predicate_;
};

// The "pattern" of an object of a tokenizer.json. Errors: corrupt_data, and those of Regex.
Pattern make_pattern(const Json& object, std::string_view where);

// How matches become pieces, as in the reference.
enum class SplitBehavior : uint8_t {
  removed,
  isolated,
  merged_with_previous,
  merged_with_next,
  contiguous
};

// Turns the parts into pieces, in place: what remains are the pieces, in order, none of them empty.
void apply_behavior(std::vector<Part>& parts, SplitBehavior behavior);

}  // namespace ominix::text
