#include <algorithm>

#include "base/utf8.h"
#include "text/charsmap.h"

namespace ominix::text {
namespace {

constexpr std::string_view kSpaceSymbol = "\u2581";

}  // namespace

std::string SentencePieceNormalizer::apply(std::string text, bool prefix) const {
  // Rules first: the longest that starts the rest, else the character itself.
  std::string ruled;
  if (map.empty()) {
    ruled = std::move(text);
  } else {
    const std::string_view all = text;
    for (size_t at = 0; at < all.size();) {
      const std::string_view rest = all.substr(at);
      size_t size = user_defined.longest(rest).length;
      std::string_view replacement = rest.substr(0, size);
      if (size == 0) {
        const auto rule = map.longest(rest);
        size = rule.length;
        replacement = rule.replacement;
      }
      if (size == 0) {
        utf8::decode(rest, size);
        replacement = rest.substr(0, size);
      }
      ruled += replacement;
      at += size;
    }
  }

  std::string_view rest = ruled;
  if (remove_extra_whitespaces) {
    while (rest.starts_with(' ')) rest.remove_prefix(1);
  }
  if (rest.empty()) return {};
  const std::string_view space = escape_whitespaces ? kSpaceSymbol : " ";
  std::string out;
  out.reserve(rest.size() + rest.size() / 2);
  if (prefix && !whitespace_is_suffix) out += space;
  bool after_space = remove_extra_whitespaces;
  for (const char c : rest) {
    if (c == ' ') {
      if (!(remove_extra_whitespaces && after_space)) out += space;
      after_space = true;
    } else {
      out += c;
      after_space = false;
    }
  }
  // At the end goes what looks like a space by now, written ones too.
  while (remove_extra_whitespaces && out.ends_with(space)) out.resize(out.size() - space.size());
  if (prefix && whitespace_is_suffix) out += space;
  return out;
}

}  // namespace ominix::text
