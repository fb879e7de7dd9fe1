#include "text/added_tokens.h"

#include <algorithm>

#include "base/error.h"
#include "base/utf8.h"
#include "text/unicode/unicode.h"
#include "text/vocabulary.h"

namespace ominix::text {
namespace {

// A search walks at most so many bytes at each position of the text.
constexpr size_t kLongestToken = 512;

size_t start_of_last_char(std::string_view text, size_t end) {
  size_t at = end - 1;
  while (at > 0 && (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80) --at;
  return at;
}

bool is_word_at(std::string_view text, size_t at) {
  return unicode::is_word(utf8::decode(text, at));
}

size_t spaces_before(std::string_view text, size_t end, size_t limit) {
  while (end > limit) {
    size_t at = start_of_last_char(text, end);
    const size_t begin = at;
    if (!unicode::is_space(utf8::decode(text, at))) break;
    end = begin;
  }
  return end;
}

size_t spaces_behind(std::string_view text, size_t begin) {
  while (begin < text.size()) {
    size_t at = begin;
    if (!unicode::is_space(utf8::decode(text, at))) break;
    begin = at;
  }
  return begin;
}

}  // namespace

bool SpecialPolicy::allows(size_t begin, size_t end) const {
  if (everywhere) return true;
  const auto it = std::upper_bound(ranges.begin(), ranges.end(), begin,
                                   [](size_t at, const ByteRange& r) { return at < r.begin; });
  return it != ranges.begin() && std::prev(it)->end >= end;
}

AddedTokens::AddedTokens(std::vector<AddedToken> tokens,
                         const std::vector<std::string>& normalized_content, std::string_view where)
    : tokens_(std::move(tokens)) {
  std::vector<PrefixIndex::Item> raw, normalized;
  for (size_t i = 0; i < tokens_.size(); ++i) {
    const AddedToken& token = tokens_[i];
    const std::string_view text =
        token.normalized ? std::string_view(normalized_content[i]) : token.content;
    if (text.size() > kLongestToken) {
      throw fail(ErrorCode::too_big, "{}: added token {} has {} bytes, expected at most {}", where,
                 token.id, text.size(), kLongestToken);
    }
    (token.normalized ? normalized : raw).push_back({text, static_cast<int32_t>(i)});
    by_id_[token.id] = i;
    by_content_[token.content] = i;
  }
  raw_ = PrefixIndex(std::move(raw));
  normalized_ = PrefixIndex(std::move(normalized));
}

void AddedTokens::split(std::string_view text, bool normalized, const SpecialPolicy& policy,
                        size_t offset, std::vector<Span>& out) const {
  const PrefixIndex& index = normalized ? normalized_ : raw_;
  size_t done = 0;  // text before is in `out`
  for (size_t at = 0; !index.empty() && at < text.size();) {
    const auto match =
        index.may_start(text[at]) ? index.longest(text.substr(at)) : PrefixIndex::Match{};
    if (match.length == 0) {
      ++at;
      continue;
    }
    size_t begin = at, end = at + match.length;
    at = end;  // a match that is not taken uses up its text all the same
    const AddedToken& token = tokens_[static_cast<size_t>(match.value)];
    if (token.special && !policy.allows(offset + begin, offset + end)) continue;
    if (token.single_word) {
      const bool open = begin == 0 || !is_word_at(text, start_of_last_char(text, begin));
      if (!open || (end < text.size() && is_word_at(text, end))) continue;
    }
    if (token.lstrip) begin = std::max(done, spaces_before(text, begin, std::min(done, begin)));
    if (token.rstrip) end = spaces_behind(text, end);
    if (done < begin) out.push_back({done, begin, kNoToken});
    out.push_back({begin, end, token.id});
    done = end;
  }
  if (done < text.size()) out.push_back({done, text.size(), kNoToken});
}

const AddedToken* AddedTokens::find(int32_t id) const {
  const auto it = by_id_.find(id);
  return it == by_id_.end() ? nullptr : &tokens_[it->second];
}

const AddedToken* AddedTokens::find(std::string_view content) const {
  const auto it = by_content_.find(content);
  return it == by_content_.end() ? nullptr : &tokens_[it->second];
}

bool AddedTokens::is_special(std::string_view content) const {
  const AddedToken* token = find(content);
  return token && token->special;
}

}  // namespace ominix::text
