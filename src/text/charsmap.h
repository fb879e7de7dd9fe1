#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "text/normalizer.h"
#include "text/prefix_index.h"

namespace ominix::text {

// SentencePiece's compiled normalization rules: a double-array trie of source strings and the
// replacements they point at.
class CharsMap {
 public:
  // Empty bytes: no rules. Errors: corrupt_data.
  CharsMap() = default;
  CharsMap(std::string_view bytes, std::string_view where);

  bool empty() const { return units_.empty(); }

  struct Match {
    size_t length = 0;  // 0: no rule starts the text
    std::string_view replacement;
  };
  Match shortest(std::string_view text) const { return find(text, false); }
  Match longest(std::string_view text) const { return find(text, true); }

 private:
  Match find(std::string_view text, bool longest) const;

  std::vector<uint32_t> units_;
  std::string replacements_;  // each ends with NUL
};

// What SentencePiece does to a text before it cuts it.
struct SentencePieceNormalizer : Normalizer {
  std::string apply(std::string text) const override {
    return apply(std::move(text), add_dummy_prefix);
  }
  std::string apply_inside(std::string text) const override {
    return apply(std::move(text), add_dummy_prefix && !prefix_only_at_start);
  }

  CharsMap map;
  bool add_dummy_prefix = true, prefix_only_at_start = false;
  bool remove_extra_whitespaces = true, escape_whitespaces = true;
  bool whitespace_is_suffix = false;
  PrefixIndex user_defined;  // symbols that no rule may change

 private:
  std::string apply(std::string text, bool prefix) const;
};

// The normalizer "Precompiled" of a tokenizer.json. Errors: corrupt_data.
std::unique_ptr<Normalizer> make_precompiled(const std::string& base64, std::string_view where);

}  // namespace ominix::text
