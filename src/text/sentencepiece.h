#pragma once

#include <array>
#include <memory>
#include <span>
#include <vector>

#include "text/model.h"
#include "text/prefix_index.h"
#include "text/vocabulary.h"

namespace ominix::text {

// Types of pieces, numbered as in SentencePiece files and in GGUF's token_type.
enum class PieceType : uint8_t { normal = 1, unknown, control, user_defined, unused, byte };

// A SentencePiece vocabulary: one score and type a token.
struct ScoredVocabulary {
  std::shared_ptr<const Vocabulary> tokens;
  std::vector<float> scores;     // as many as tokens->size()
  std::vector<PieceType> types;  // the same
  bool byte_fallback = false;
};

// SentencePiece's BPE: neighbours join to the token of highest score.
class SentencePieceBpe : public Model {
 public:
  // Errors: corrupt_data (no unknown-token, sizes that differ, a score that is not a number).
  SentencePieceBpe(ScoredVocabulary vocabulary, std::string_view where);

  void encode(std::string_view piece, std::vector<int32_t>& out, Scratch& scratch) const override;

 private:
  struct Splits;
  int32_t find(std::string_view text) const;
  void emit(std::string_view text, int32_t id, bool& after_unknown,
            std::vector<int32_t>& out) const;

  ScoredVocabulary vocabulary_;
  std::vector<uint32_t> ranks_;  // kNoRank: not to be found in text
  std::array<int32_t, 256> byte_ids_{};
  int32_t unk_ = kNoToken;
  size_t longest_ = 0;
  bool has_unused_ = false;
  PrefixIndex user_defined_;
};

// The unknown-token and the tokens of bytes; shared with the unigram model.
// Errors: corrupt_data.
int32_t check_scored(const ScoredVocabulary& vocabulary, std::array<int32_t, 256>& byte_ids,
                     std::string_view where);

}  // namespace ominix::text
