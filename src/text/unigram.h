#pragma once

#include <array>
#include <memory>
#include <vector>

#include "text/model.h"
#include "text/prefix_index.h"
#include "text/sentencepiece.h"
#include "text/vocabulary.h"

namespace ominix::text {

// The unigram language model: the cut of the text into tokens whose scores sum up highest.
class Unigram : public Model {
 public:
  struct Options {
    bool byte_fallback = false;
    int32_t unk = kNoToken;
    // SentencePiece's arithmetic (float) instead of the one of the tokenizers library (double).
    bool single_precision = false;
  };

  // scores[id] belongs to token id; types may be empty (all normal).
  // Errors: corrupt_data.
  Unigram(std::shared_ptr<const Vocabulary> vocabulary, std::vector<double> scores,
          std::vector<PieceType> types, Options options, std::string_view where);

  void encode(std::string_view piece, std::vector<int32_t>& out, Scratch& scratch) const override;

 private:
  double rounded(double x) const {
    return options_.single_precision ? static_cast<double>(static_cast<float>(x)) : x;
  }

  std::shared_ptr<const Vocabulary> vocabulary_;
  std::vector<double> scores_;
  Options options_;
  PrefixIndex index_;
  std::array<int32_t, 256> byte_ids_{};
  double unk_score_ = 0;
  std::vector<bool> user_defined_;
  double max_score_ = 0;
};

}  // namespace ominix::text
