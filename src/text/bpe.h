#pragma once

#include <array>
#include <atomic>
#include <memory>
#include <optional>
#include <string>

#include "text/model.h"
#include "text/vocabulary.h"

namespace ominix::text {

// Byte-pair encoding with a list of merges, as in tokenizer.json.
class Bpe : public Model {
 public:
  struct Options {
    // Keys of the vocabulary are raw bytes (byte_key) and every byte is a symbol of its own.
    bool byte_level = false;
    bool byte_fallback = false, fuse_unk = false, ignore_merges = false;
    std::optional<std::string> unk_token;
    std::string continuing_subword_prefix, end_of_word_suffix;
  };

  // Errors: corrupt_data (an unknown-token that is not in the vocabulary).
  Bpe(std::shared_ptr<const Vocabulary> vocabulary, MergeTable merges, Options options,
      std::string_view where);

  void encode(std::string_view piece, std::vector<int32_t>& out, Scratch& scratch) const override;

 private:
  void split(std::string_view piece, std::vector<Symbol>& symbols) const;
  void merge(std::string_view piece, std::vector<int32_t>& out, Scratch& scratch) const;

  std::shared_ptr<const Vocabulary> vocabulary_;
  MergeTable merges_;
  Options options_;
  int32_t unk_ = kNoToken;
  std::array<int32_t, 256> byte_ids_{};  // of single bytes, or of "<0x00>" …
  // Whether merging the text of a token yields just that token: found out when first asked.
  enum : uint8_t { kUnknown, kWhole, kParts };
  std::unique_ptr<std::atomic<uint8_t>[]> whole_;
};

// Byte-pair encoding without a list of merges: two neighbours join when their joint text is a token
// whose rank is known, lowest rank first (.tiktoken files).
class RankBpe : public Model {
 public:
  // Ids are ranks. Every byte must be a token. Errors: corrupt_data.
  RankBpe(std::shared_ptr<const Vocabulary> vocabulary, std::string_view where);

  void encode(std::string_view piece, std::vector<int32_t>& out, Scratch& scratch) const override;

 private:
  std::shared_ptr<const Vocabulary> vocabulary_;
  std::array<int32_t, 256> byte_ids_{};
};

}  // namespace ominix::text
