#pragma once

#include <cstddef>
#include <string_view>

namespace ominix::text::unicode {

// The end of the user-perceived character that begins at `at` < text.size(), as far as it matters
// for graphemes of less than six bytes: flags, emoji sequences and Indic conjuncts are longer and
// may come in parts.
size_t next_grapheme(std::string_view text, size_t at);

}  // namespace ominix::text::unicode
