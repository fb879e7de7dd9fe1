#include "text/bpe.h"

#include <utility>

#include "base/error.h"
#include "base/utf8.h"
#include "text/byte_alphabet.h"
#include "text/shown.h"

namespace ominix::text {

Bpe::Bpe(std::shared_ptr<const Vocabulary> vocabulary, MergeTable merges, Options options,
         std::string_view where)
    : vocabulary_(std::move(vocabulary)),
      merges_(std::move(merges)),
      options_(std::move(options)),
      whole_(std::make_unique<std::atomic<uint8_t>[]>(vocabulary_->size())) {
  if (options_.unk_token) {
    const std::string key =
        options_.byte_level ? byte_key(*options_.unk_token) : *options_.unk_token;
    unk_ = vocabulary_->find(key);
    if (unk_ == kNoToken) {
      throw fail(ErrorCode::corrupt_data, "{}: the unknown-token '{}' is not in the vocabulary",
                 where, shown(*options_.unk_token));
    }
  }
  for (size_t b = 0; b < 256; ++b) {
    const std::string token = options_.byte_level ? std::string(1, static_cast<char>(b))
                                                  : fallback_token(static_cast<uint8_t>(b));
    byte_ids_[b] = vocabulary_->find(token);
  }
}

void Bpe::encode(std::string_view piece, std::vector<int32_t>& out, Scratch& scratch) const {
  if (piece.empty()) return;
  const int32_t id = vocabulary_->find(piece);
  if (id == kNoToken) return merge(piece, out, scratch);
  if (options_.ignore_merges) {
    out.push_back(id);
    return;
  }
  std::atomic<uint8_t>& whole = whole_[static_cast<size_t>(id)];
  switch (whole.load(std::memory_order_relaxed)) {
    case kWhole:
      out.push_back(id);
      return;
    case kParts:
      return merge(piece, out, scratch);
    default: {
      const size_t before = out.size();
      merge(piece, out, scratch);
      const bool is_whole = out.size() == before + 1 && out.back() == id;
      whole.store(is_whole ? kWhole : kParts, std::memory_order_relaxed);
    }
  }
}

void Bpe::merge(std::string_view piece, std::vector<int32_t>& out, Scratch& scratch) const {
  auto& symbols = scratch.symbols;
  symbols.clear();
  split(piece, symbols);
  scratch.merger.run(symbols, [this](const Symbol& left, const Symbol& right) {
    const MergeTable::Merge* merge = merges_.find(left.id, right.id);
    return merge ? Join{merge->rank, merge->id} : Join{};
  });
  for (const Symbol& s : symbols) out.push_back(s.id);
}

void Bpe::split(std::string_view piece, std::vector<Symbol>& symbols) const {
  std::optional<Symbol> unknown;  // pending, so that neighbours can be fused
  const auto flush = [&] {
    if (unknown) symbols.push_back(*std::exchange(unknown, std::nullopt));
  };
  std::string decorated;
  for (size_t at = 0; at < piece.size();) {
    const size_t begin = at;
    if (options_.byte_level) {
      ++at;
    } else {
      utf8::decode(piece, at);
    }
    const auto where = static_cast<uint32_t>(begin), size = static_cast<uint32_t>(at - begin);
    std::string_view key = piece.substr(begin, size);
    int32_t id;
    if (options_.byte_level) {
      id = byte_ids_[static_cast<uint8_t>(piece[begin])];
    } else {
      const bool prefixed = begin != 0 && !options_.continuing_subword_prefix.empty();
      const bool suffixed = at == piece.size() && !options_.end_of_word_suffix.empty();
      if (prefixed || suffixed) {
        decorated = prefixed ? options_.continuing_subword_prefix : std::string();
        decorated += key;
        if (suffixed) decorated += options_.end_of_word_suffix;
        key = decorated;
      }
      id = vocabulary_->find(key);
    }
    if (id != kNoToken) {
      flush();
      symbols.push_back({id, where, size});
      continue;
    }
    if (options_.byte_fallback) {
      bool all = true;
      for (const char b : key) all &= byte_ids_[static_cast<uint8_t>(b)] != kNoToken;
      if (all) {
        // The reference does not flush a pending unknown here; the order of ids follows it.
        for (size_t i = 0; i < key.size(); ++i) {
          symbols.push_back({byte_ids_[static_cast<uint8_t>(key[i])], where, 1});
        }
        continue;
      }
    }
    if (unk_ == kNoToken) continue;
    if (unknown && options_.fuse_unk) {
      unknown->size += size;
    } else {
      flush();
      unknown = Symbol{unk_, where, size};
    }
  }
  flush();
}

RankBpe::RankBpe(std::shared_ptr<const Vocabulary> vocabulary, std::string_view where)
    : vocabulary_(std::move(vocabulary)) {
  for (size_t b = 0; b < 256; ++b) {
    byte_ids_[b] = vocabulary_->find(std::string(1, static_cast<char>(b)));
    if (byte_ids_[b] == kNoToken) {
      throw fail(ErrorCode::corrupt_data, "{}: no token for the byte {}, expected one for each",
                 where, b);
    }
  }
}

void RankBpe::encode(std::string_view piece, std::vector<int32_t>& out, Scratch& scratch) const {
  if (piece.empty()) return;
  if (const int32_t id = vocabulary_->find(piece); id != kNoToken) {
    out.push_back(id);
    return;
  }
  auto& symbols = scratch.symbols;
  symbols.clear();
  for (size_t i = 0; i < piece.size(); ++i) {
    symbols.push_back({byte_ids_[static_cast<uint8_t>(piece[i])], static_cast<uint32_t>(i), 1});
  }
  scratch.merger.run(symbols, [&](const Symbol& left, const Symbol& right) {
    const int32_t id = vocabulary_->find(piece.substr(left.begin, left.size + right.size));
    return id == kNoToken ? Join{} : Join{static_cast<uint32_t>(id), id};
  });
  for (const Symbol& s : symbols) out.push_back(s.id);
}

}  // namespace ominix::text
