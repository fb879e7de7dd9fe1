#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "text/added_tokens.h"
#include "text/decoder.h"
#include "text/model.h"
#include "text/normalizer.h"
#include "text/pre_tokenizer.h"
#include "text/vocabulary.h"

namespace ominix::text {

// A tokenizer taken apart: what every file format is loaded into, in the order of work.
struct Pipeline {
  AddedTokens added;
  std::unique_ptr<Normalizer> normalizer;  // may be null
  PreTokenizerPlan pre_tokenizer;
  std::unique_ptr<Model> model;
  std::vector<int32_t> before, after;  // what add_special puts around a text
  DecoderPlan decoder;

  std::shared_ptr<const Vocabulary> vocabulary;
  bool byte_keys = false;  // tokens of the vocabulary are kept as byte_key()
  std::optional<int32_t> bos, eos, pad, unk;
  std::vector<int32_t> stops;

  // The token as its file writes it; nothing for an id that is not there.
  std::optional<std::string> token(int32_t id) const;
};

}  // namespace ominix::text
