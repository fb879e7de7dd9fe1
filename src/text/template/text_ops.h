#pragma once

#include <string>
#include <string_view>

#include "text/template/value.h"

// String methods that keep track of which bytes come from the template.
namespace ominix::text::jinja {

// `made` from `source`: as trusted as the source is as a whole.
Text like(const Text& source, std::string made);

// The text with & < > ' " as HTML entities, unless it is markup already. The result is markup.
Text escaped(const Text& t);

Text strip(const Text& t, std::string_view characters, bool left, bool right);  // "": white space
List split_by_text(const Text& t, std::string_view separator, int64_t most, bool from_right);
List split_spaces(const Text& t, int64_t most, bool from_right);
List split_lines(const Text& t, bool keep_ends);
// Errors: too_big when the result has more than `limit` bytes.
Text replaced(const Text& t, std::string_view from, const Text& to, int64_t most, uint64_t limit);
Text indented(const Text& t, const Text& pad, bool first, bool blank);

// Python's str.upper() and lower(), title(), capitalize(), swapcase(); and Jinja's title filter,
// which lets words begin behind spaces, "-", "(", "{", "[" and "<" only.
std::string change_case(std::string_view s, bool upper);
std::string title_case(std::string_view s);
std::string capitalized(std::string_view s);
std::string swap_case(std::string_view s);
std::string title_of_words(std::string_view s);
bool has_cased(std::string_view s);
bool has_case(std::string_view s, bool upper);  // isupper(), islower()
int64_t count_words(std::string_view s);
int64_t count_text(std::string_view s, std::string_view needle);
int64_t count_characters(std::string_view s);
bool all_characters(std::string_view s, std::string_view kind);  // "isdigit", "isalpha", …
std::string one_line(std::string_view s);

}  // namespace ominix::text::jinja
