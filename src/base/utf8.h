#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace ominix::utf8 {

inline constexpr char32_t kReplacement = 0xFFFD;

// The code point that starts at text[at], and moves `at` behind it. An ill-formed sequence yields
// kReplacement and moves over its maximal subpart (Unicode 3.9, "U+FFFD substitution").
// `valid`, when given, says whether the sequence was well-formed.
char32_t decode(std::string_view text, size_t& at, bool* valid = nullptr);

// Appends the UTF-8 of a code point; surrogates and values past U+10FFFF become U+FFFD.
void append(std::string& out, char32_t code_point);

bool is_valid(std::string_view text);

// Ill-formed sequences replaced by U+FFFD, one a maximal subpart.
std::string sanitize(std::string_view text);

// Length of the longest prefix that does not end inside a sequence that more bytes could complete.
size_t complete_prefix(std::string_view text);

}  // namespace ominix::utf8
