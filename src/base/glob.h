#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ominix {

// Patterns in which each '*' stands for any text, the rest for itself.
//
// The texts that the stars of `pattern` stand for, or nothing when it does not match. Each star
// takes the shortest text that lets the piece after it match; the last piece is anchored at the
// end.
std::optional<std::vector<std::string>> match_stars(std::string_view pattern,
                                                    std::string_view text);

inline bool matches(std::string_view pattern, std::string_view text) {
  return match_stars(pattern, text).has_value();
}

}  // namespace ominix
