#include "text/sentencepiece.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include "base/error.h"
#include "base/utf8.h"
#include "text/byte_alphabet.h"
#include "text/shown.h"

namespace ominix::text {
namespace {

// Frozen symbols take part in no join: their ids are stored below kNoToken.
constexpr int32_t freeze(int32_t id) { return -2 - id; }
constexpr bool is_frozen(int32_t id) { return id <= -2; }

}  // namespace

int32_t check_scored(const ScoredVocabulary& v, std::array<int32_t, 256>& byte_ids,
                     std::string_view where) {
  if (v.scores.size() != v.tokens->size() || v.types.size() != v.tokens->size()) {
    throw fail(ErrorCode::corrupt_data, "{}: {} tokens with {} scores and {} types", where,
               v.tokens->size(), v.scores.size(), v.types.size());
  }
  byte_ids.fill(kNoToken);
  int32_t unk = kNoToken;
  for (size_t id = 0; id < v.types.size(); ++id) {
    if (!std::isfinite(v.scores[id])) {
      throw fail(ErrorCode::corrupt_data, "{}: the score of token {} is not a number", where, id);
    }
    const auto token = static_cast<int32_t>(id);
    if (v.types[id] == PieceType::unknown && unk == kNoToken) unk = token;
    if (v.types[id] == PieceType::byte) {
      const int byte = byte_of_fallback_token(v.tokens->token(token));
      if (byte < 0) {
        throw fail(ErrorCode::corrupt_data, "{}: byte token {} is '{}', expected <0x00> to <0xFF>",
                   where, id, shown(v.tokens->token(token)));
      }
      byte_ids[static_cast<size_t>(byte)] = token;
    }
  }
  if (v.byte_fallback) {
    for (size_t b = 0; b < 256; ++b) {
      if (byte_ids[b] == kNoToken) {
        throw fail(ErrorCode::corrupt_data, "{}: no byte token for {}, expected all 256", where, b);
      }
    }
  }
  return unk;
}

SentencePieceBpe::SentencePieceBpe(ScoredVocabulary vocabulary, std::string_view where)
    : vocabulary_(std::move(vocabulary)) {
  unk_ = check_scored(vocabulary_, byte_ids_, where);
  if (unk_ == kNoToken && !vocabulary_.byte_fallback) {
    throw fail(ErrorCode::corrupt_data, "{}: neither an unknown-token nor byte tokens", where);
  }
  // Equal scores share a rank, so that the left-most of them joins first.
  std::vector<float> order(vocabulary_.scores);
  std::sort(order.begin(), order.end(), std::greater<>());
  order.erase(std::unique(order.begin(), order.end()), order.end());
  ranks_.assign(order.empty() ? 0 : vocabulary_.scores.size(), kNoRank);
  std::vector<PrefixIndex::Item> user_defined;
  for (size_t id = 0; id < ranks_.size(); ++id) {
    const PieceType type = vocabulary_.types[id];
    const std::string_view token = vocabulary_.tokens->token(static_cast<int32_t>(id));
    has_unused_ |= type == PieceType::unused;
    if (type == PieceType::user_defined) user_defined.push_back({token, static_cast<int32_t>(id)});
    if (type != PieceType::normal && type != PieceType::user_defined && type != PieceType::unused) {
      continue;
    }
    longest_ = std::max(longest_, token.size());
    const auto it =
        std::lower_bound(order.begin(), order.end(), vocabulary_.scores[id], std::greater<>());
    ranks_[id] = static_cast<uint32_t>(it - order.begin());
  }
  user_defined_ = PrefixIndex(std::move(user_defined));
}

int32_t SentencePieceBpe::find(std::string_view text) const {
  if (text.size() > longest_) return kNoToken;
  const int32_t id = vocabulary_.tokens->find(text);
  return id != kNoToken && ranks_[static_cast<size_t>(id)] != kNoRank ? id : kNoToken;
}

// How unused tokens were made, to take them apart again: id -> bytes of the left part.
struct SentencePieceBpe::Splits : std::map<int32_t, uint32_t> {};

void SentencePieceBpe::encode(std::string_view piece, std::vector<int32_t>& out,
                              Scratch& scratch) const {
  auto& symbols = scratch.symbols;
  symbols.clear();
  for (size_t at = 0; at < piece.size();) {
    const size_t begin = at;
    const auto frozen = user_defined_.may_start(piece[at]) ? user_defined_.longest(piece.substr(at))
                                                           : PrefixIndex::Match{};
    int32_t id;
    if (frozen.length != 0) {
      at += frozen.length;
      id = freeze(frozen.value);
    } else {
      utf8::decode(piece, at);
      id = find(piece.substr(begin, at - begin));
    }
    symbols.push_back({id, static_cast<uint32_t>(begin), static_cast<uint32_t>(at - begin)});
  }
  Splits splits;
  scratch.merger.run(symbols, [&](const Symbol& left, const Symbol& right) {
    if (is_frozen(left.id) || is_frozen(right.id)) return Join{};
    const int32_t id = find(piece.substr(left.begin, left.size + right.size));
    if (id == kNoToken) return Join{};
    if (has_unused_ && vocabulary_.types[static_cast<size_t>(id)] == PieceType::unused) {
      splits[id] = left.size;
    }
    return Join{ranks_[static_cast<size_t>(id)], id};
  });

  bool after_unknown = false;
  std::vector<Symbol> parts;
  for (const Symbol& s : symbols) {
    parts.assign(1, s);
    while (!parts.empty()) {
      const Symbol part = parts.back();
      parts.pop_back();
      const int32_t id = is_frozen(part.id) ? freeze(part.id) : part.id;
      const auto split = has_unused_ && !is_frozen(part.id) ? splits.find(id) : splits.end();
      if (split == splits.end()) {
        emit(piece.substr(part.begin, part.size), id, after_unknown, out);
        continue;
      }
      const uint32_t left = split->second;
      const uint32_t middle = part.begin + left;
      parts.push_back({find(piece.substr(middle, part.size - left)), middle, part.size - left});
      parts.push_back({find(piece.substr(part.begin, left)), part.begin, left});
    }
  }
}

void SentencePieceBpe::emit(std::string_view text, int32_t id, bool& after_unknown,
                            std::vector<int32_t>& out) const {
  if (id != kNoToken) {
    out.push_back(id);
    after_unknown = false;
  } else if (vocabulary_.byte_fallback) {
    for (const char b : text) out.push_back(byte_ids_[static_cast<uint8_t>(b)]);
    after_unknown = false;
  } else {
    if (!after_unknown) out.push_back(unk_);
    after_unknown = true;
  }
}

}  // namespace ominix::text
