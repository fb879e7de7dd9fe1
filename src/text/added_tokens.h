#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include <ominix/tokenizer.h>

#include "text/prefix_index.h"

namespace ominix::text {

// A token that is looked for in the text before anything else is done with it.
struct AddedToken {
  std::string content;
  int32_t id = -1;
  bool single_word = false, lstrip = false, rstrip = false;
  bool normalized = false;  // looked for in the normalized text
  bool special = false;
};

// Where special tokens may be found.
struct SpecialPolicy {
  bool everywhere = false;
  std::span<const ByteRange> ranges;  // else: wholly inside one of these, sorted and disjoint
  bool allows(size_t begin, size_t end) const;
};

class AddedTokens {
 public:
  struct Span {
    size_t begin, end;
    int32_t id;  // kNoToken: text
  };

  AddedTokens() = default;
  // `normalized_content[i]` is what token i looks like in normalized text (for `normalized` ones).
  // Errors: too_big (a token longer than any published one).
  AddedTokens(std::vector<AddedToken> tokens, const std::vector<std::string>& normalized_content,
              std::string_view where);

  bool has_normalized() const { return !normalized_.empty(); }

  // Cuts `text` into tokens and the text between them. `offset` is where `text` starts in the text
  // that the policy's ranges count in.
  void split(std::string_view text, bool normalized, const SpecialPolicy& policy, size_t offset,
             std::vector<Span>& out) const;

  // nullptr when it is not an added token.
  const AddedToken* find(int32_t id) const;
  const AddedToken* find(std::string_view content) const;
  const std::vector<AddedToken>& all() const { return tokens_; }
  bool is_special(std::string_view content) const;

 private:
  std::vector<AddedToken> tokens_;
  PrefixIndex raw_, normalized_;  // values are indices of tokens_
  std::unordered_map<int32_t, size_t> by_id_;
  std::unordered_map<std::string_view, size_t> by_content_;
};

}  // namespace ominix::text
