#pragma once

#include <memory>
#include <string>

#include "text/model.h"
#include "text/vocabulary.h"

namespace ominix::text {

// BERT's model: the longest token that starts the word, then the longest that goes on, or the
// unknown-token for the whole word.
class WordPiece : public Model {
 public:
  struct Options {
    std::string unk_token = "[UNK]";
    std::string first_prefix;                      // written before a token that starts a word
    std::string continuing_subword_prefix = "##";  // and before one that goes on
    size_t max_input_chars_per_word = 100;
  };

  // Errors: corrupt_data (no unknown-token).
  WordPiece(std::shared_ptr<const Vocabulary> vocabulary, Options options, std::string_view where);

  void encode(std::string_view piece, std::vector<int32_t>& out, Scratch& scratch) const override;

 private:
  std::shared_ptr<const Vocabulary> vocabulary_;
  Options options_;
  int32_t unk_;
};

// A vocabulary of whole words (tokenizer.json "WordLevel").
class WordLevel : public Model {
 public:
  WordLevel(std::shared_ptr<const Vocabulary> vocabulary, std::string_view unk_token);
  void encode(std::string_view piece, std::vector<int32_t>& out, Scratch& scratch) const override;

 private:
  std::shared_ptr<const Vocabulary> vocabulary_;
  int32_t unk_;
};

}  // namespace ominix::text
