#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

namespace ominix::text {

struct RegexProgram;

// Regular expressions as tokenizer.json files use them: Oniguruma's Ruby syntax with Unicode
// classes, left-most match, alternatives in order, greedy, lazy and possessive repetition, (?i:…),
// look-ahead of any kind and look-behind of one character. No captures that are referred to, no
// recursion. Time is linear in the text for every pattern: a place that failed once is not tried
// again (decision 0102). Thread-safe.
class Regex {
 public:
  // Errors: corrupt_data (not a regular expression), unsupported, too_big.
  explicit Regex(std::string_view pattern);
  ~Regex();
  Regex(Regex&&) noexcept;
  Regex& operator=(Regex&&) noexcept;

  // Finds the matches of one text, in order.
  class Matches {
   public:
    Matches(const Regex& regex, std::string_view text);
    ~Matches();
    // False when there is none left. An empty match right behind a match is passed over.
    bool next(size_t& begin, size_t& end);

   private:
    struct State;
    std::unique_ptr<State> state_;
  };

 private:
  std::unique_ptr<const RegexProgram> program_;
};

}  // namespace ominix::text
