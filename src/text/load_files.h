#pragma once

#include <filesystem>
#include <memory>
#include <string_view>
#include <vector>

#include "text/pipeline.h"

namespace ominix::text {

// Tokenizers of the other formats: file bytes in, a pipeline out. `where` starts error texts.
// Errors of all: corrupt_data, unsupported, too_big.

// SentencePiece's ModelProto (tokenizer.model, spiece.model): BPE and unigram.
std::unique_ptr<Pipeline> load_sentencepiece_model(std::string_view bytes, std::string_view where);

// "base64 rank" a line. The file does not name its pattern: PatternEvidence finds it.
std::unique_ptr<Pipeline> load_tiktoken(std::string_view text, std::string_view where);

// Mistral's tekken.json.
std::unique_ptr<Pipeline> load_tekken(std::string_view json, std::string_view where);

// GPT-2's pair of files: {"token": id, …} in the byte alphabet, and "left right" a line.
std::unique_ptr<Pipeline> load_vocab_and_merges(std::string_view vocab, std::string_view merges,
                                                std::string_view where);

// The tokens that lie beside a file that holds none: added_tokens.json ({"token": id, …}, or
// objects of that form that agree), with the flags of "added_tokens_decoder" in
// tokenizer_config.json. Tokens whose flags nobody tells are special: text of users must not form
// them.
std::vector<AddedToken> added_tokens_beside(const std::filesystem::path& folder);

// Byte-level vocabularies are trained on pieces that a pattern cut, and show which one: digits
// alone, up to three or more together; line ends joined to punctuation.
class PatternEvidence {
 public:
  void see(std::string_view token);  // raw bytes
  // To be applied one behind the other. Errors: unsupported (a vocabulary of another kind).
  std::vector<std::string_view> patterns(std::string_view where) const;
  bool like_qwen2() const { return lines_ && digits_ <= 1; }

 private:
  size_t digits_ = 0;     // most that stand together and alone
  bool lines_ = false;    // a token of punctuation and a line end
  bool affixes_ = false;  // tokens "the</w>"
};

}  // namespace ominix::text
