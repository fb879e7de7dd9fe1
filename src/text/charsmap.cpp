#include "text/charsmap.h"

#include <bit>
#include <cstring>
#include <utility>

#include "base/error.h"
#include "base/utf8.h"
#include "text/base64.h"
#include "text/unicode/graphemes.h"

namespace ominix::text {
namespace {

// Fields of a unit of a darts-clone double array.
bool has_leaf(uint32_t unit) { return unit >> 8 & 1; }
uint32_t value(uint32_t unit) { return unit & 0x7FFFFFFF; }
uint32_t label(uint32_t unit) { return unit & (0x80000000u | 0xFF); }
uint32_t offset(uint32_t unit) { return unit >> 10 << ((unit & 0x200) >> 6); }

// The reference replaces whole graphemes of less than six bytes, else character by character.
struct Precompiled : Normalizer {
  explicit Precompiled(CharsMap m) : map(std::move(m)) {}
  CharsMap map;

  std::string apply(std::string text) const override {
    std::string out;
    out.reserve(text.size());
    for (size_t at = 0; at < text.size();) {
      const size_t end = unicode::next_grapheme(text, at);
      const std::string_view grapheme = std::string_view(text).substr(at, end - at);
      const auto match = grapheme.size() < 6 ? map.shortest(grapheme) : CharsMap::Match{};
      if (match.length != 0) {
        out += match.replacement;
      } else {
        for (size_t c = 0; c < grapheme.size();) {
          const size_t begin = c;
          utf8::decode(grapheme, c);
          const std::string_view one = grapheme.substr(begin, c - begin);
          const auto rule = map.shortest(one);
          out += rule.length != 0 ? rule.replacement : one;
        }
      }
      at = end;
    }
    return out;
  }
};

}  // namespace

CharsMap::CharsMap(std::string_view bytes, std::string_view where) {
  if (bytes.empty()) return;
  static_assert(std::endian::native == std::endian::little);
  uint32_t trie_size = 0;
  if (bytes.size() >= 4) std::memcpy(&trie_size, bytes.data(), 4);
  if (bytes.size() < 8 || trie_size < 4 || trie_size % 4 != 0 || trie_size > bytes.size() - 4) {
    throw fail(ErrorCode::corrupt_data, "{}: normalization rules of {} bytes claim a trie of {}",
               where, bytes.size(), trie_size);
  }
  units_.resize(trie_size / 4);
  std::memcpy(units_.data(), bytes.data() + 4, trie_size);
  replacements_ = bytes.substr(4 + trie_size);
  if (!utf8::is_valid(replacements_)) {
    throw fail(ErrorCode::corrupt_data, "{}: normalization rules that are not UTF-8", where);
  }
}

CharsMap::Match CharsMap::find(std::string_view text, bool longest) const {
  Match best;
  if (units_.empty()) return best;
  size_t at = offset(units_[0]);
  for (size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<uint8_t>(text[i]);
    if (c == 0) break;
    at ^= c;
    if (at >= units_.size()) break;
    const uint32_t unit = units_[at];
    if (label(unit) != c) break;
    at ^= offset(unit);
    if (!has_leaf(unit)) continue;
    if (at >= units_.size()) break;
    const size_t begin = value(units_[at]);
    if (begin >= replacements_.size()) break;
    // A rule that points into the middle of a character would make text that is not UTF-8.
    if ((static_cast<uint8_t>(replacements_[begin]) & 0xC0) == 0x80) break;
    const size_t end = std::min(replacements_.find('\0', begin), replacements_.size());
    best = {i + 1, std::string_view(replacements_).substr(begin, end - begin)};
    if (!longest) break;
  }
  return best;
}

std::unique_ptr<Normalizer> make_precompiled(const std::string& base64, std::string_view where) {
  const auto bytes = decode_base64(base64);
  if (!bytes) throw fail(ErrorCode::corrupt_data, "{}: precompiled_charsmap is not base64", where);
  return std::make_unique<Precompiled>(CharsMap(*bytes, where));
}

}  // namespace ominix::text
