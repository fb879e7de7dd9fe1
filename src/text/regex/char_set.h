#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "text/unicode/unicode.h"

namespace ominix::text {

// A set of characters as sorted ranges, with a bitmap for ASCII.
class CharSet {
 public:
  struct Range {
    char32_t first, last;
  };

  CharSet() = default;
  static CharSet of(char32_t first, char32_t last);
  static CharSet of(char32_t c) { return of(c, c); }
  static CharSet of(char c) { return of(static_cast<unsigned char>(c)); }
  static CharSet of(unsigned char c) { return of(static_cast<char32_t>(c)); }
  static CharSet of(unicode::CategorySet categories);
  // Of all characters for which the predicate holds (slow: asks for each).
  template <class Predicate>
  static CharSet where(Predicate predicate) {
    CharSet out;
    for (char32_t c = 0; c <= kLast; ++c) {
      if (predicate(c)) out.ranges_.push_back({c, c});
    }
    out.finish();
    return out;
  }

  CharSet& add(const CharSet& other);
  CharSet& intersect(const CharSet& other);
  CharSet& negate();
  // Adds what equals a member when case is ignored.
  CharSet& ignore_case();

  bool has(char32_t c) const {
    if (c < 128) return ascii_[c >> 6] >> (c & 63) & 1;
    return has_wide(c);
  }
  bool empty() const { return ranges_.empty(); }
  const std::vector<Range>& ranges() const { return ranges_; }

 private:
  static constexpr char32_t kLast = 0x10FFFF;
  bool has_wide(char32_t c) const;
  // Sorts, joins and fills the bitmap.
  void finish();

  std::vector<Range> ranges_;
  std::array<uint64_t, 2> ascii_{};
};

}  // namespace ominix::text
