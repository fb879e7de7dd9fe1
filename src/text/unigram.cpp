#include "text/unigram.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "base/error.h"
#include "base/utf8.h"
#include "text/byte_alphabet.h"

namespace ominix::text {

Unigram::Unigram(std::shared_ptr<const Vocabulary> vocabulary, std::vector<double> scores,
                 std::vector<PieceType> types, Options options, std::string_view where)
    : vocabulary_(std::move(vocabulary)), scores_(std::move(scores)), options_(options) {
  const size_t n = vocabulary_->size();
  if (scores_.size() != n || (!types.empty() && types.size() != n)) {
    throw fail(ErrorCode::corrupt_data, "{}: {} tokens with {} scores and {} types", where, n,
               scores_.size(), types.size());
  }
  if (options_.unk != kNoToken && !vocabulary_->has(options_.unk)) {
    throw fail(ErrorCode::corrupt_data, "{}: the unknown-token {} is not in the vocabulary", where,
               options_.unk);
  }
  double lowest = std::numeric_limits<double>::infinity();
  max_score_ = -lowest;
  user_defined_.resize(n);
  std::vector<PrefixIndex::Item> items;
  for (size_t id = 0; id < n; ++id) {
    if (!std::isfinite(scores_[id])) {
      throw fail(ErrorCode::corrupt_data, "{}: the score of token {} is not a number", where, id);
    }
    const PieceType type = types.empty() ? PieceType::normal : types[id];
    user_defined_[id] = type == PieceType::user_defined;
    if (type == PieceType::normal) {
      lowest = std::min(lowest, scores_[id]);
      max_score_ = std::max(max_score_, scores_[id]);
    }
    if (type == PieceType::normal || type == PieceType::user_defined) {
      items.push_back({vocabulary_->token(static_cast<int32_t>(id)), static_cast<int32_t>(id)});
    }
  }
  index_ = PrefixIndex(std::move(items));
  if (!std::isfinite(lowest)) lowest = max_score_ = 0;
  unk_score_ = rounded(lowest - 10.0);
  for (size_t b = 0; b < 256; ++b) {
    byte_ids_[b] = vocabulary_->find(fallback_token(static_cast<uint8_t>(b)));
  }
}

void Unigram::encode(std::string_view piece, std::vector<int32_t>& out, Scratch& scratch) const {
  const size_t size = piece.size();
  auto& best = scratch.best;  // score of the best way to reach each byte
  auto& back = scratch.back;  // length of the last token on it, 0: not reached
  auto& last = scratch.ids;   // and its id
  best.assign(size + 1, 0);
  back.assign(size + 1, 0);
  last.assign(size + 1, kNoToken);
  for (size_t at = 0; at < size;) {
    size_t next = at;
    utf8::decode(piece, next);
    const double here = best[at];
    bool single = false;
    const auto offer = [&](int32_t id, size_t length, double score) {
      const double total = rounded(score + here);
      if (back[at + length] == 0 || total > best[at + length]) {
        best[at + length] = total;
        back[at + length] = static_cast<uint32_t>(length);
        last[at + length] = id;
      }
    };
    index_.each_prefix(piece.substr(at), [&](int32_t id, size_t length) {
      const auto i = static_cast<size_t>(id);
      const double score =
          user_defined_[i] ? rounded(static_cast<double>(length) * max_score_ - 0.1) : scores_[i];
      offer(id, length, score);
      single |= length == next - at;
    });
    if (!single) offer(options_.unk, next - at, unk_score_);
    at = next;
  }

  // From the end back; neighbouring unknown characters are one token.
  const size_t begin_of_output = out.size();
  for (size_t end = size; end > 0;) {
    size_t begin = end - back[end];
    const int32_t id = last[end];
    if (id != options_.unk) {
      out.push_back(id);
      end = begin;
      continue;
    }
    while (begin > 0 && last[begin] == options_.unk) begin -= back[begin];
    const std::string_view text = piece.substr(begin, end - begin);
    end = begin;
    const bool bytes = options_.byte_fallback && std::all_of(text.begin(), text.end(), [&](char b) {
                         return byte_ids_[static_cast<uint8_t>(b)] != kNoToken;
                       });
    if (bytes) {
      for (size_t i = text.size(); i-- > 0;) {
        out.push_back(byte_ids_[static_cast<uint8_t>(text[i])]);
      }
    } else if (options_.unk == kNoToken) {
      throw fail(ErrorCode::invalid_argument,
                 "tokenizer: the text has a character that is not in the vocabulary, and the "
                 "vocabulary has no unknown-token");
    } else {
      out.push_back(options_.unk);
    }
  }
  std::reverse(out.begin() + static_cast<ptrdiff_t>(begin_of_output), out.end());
}

}  // namespace ominix::text
