#pragma once

#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "text/matching.h"

namespace ominix::text {

// A piece of normalized text. `first`: it begins where the whole text begins.
struct Piece {
  std::string_view text;
  bool first;
};

// Buffers of one encode call; strings that steps made stay here while pieces refer to them.
struct PieceStore {
  std::vector<Piece> pieces, next;
  std::vector<Part> parts;
  std::deque<std::string> owned;
};

// One step of cutting text into pieces. Thread-safe.
class PreTokenizer {
 public:
  virtual ~PreTokenizer() = default;
  // Appends what becomes of `piece` (not empty) to store.next.
  virtual void split(Piece piece, PieceStore& store) const = 0;
};

struct PreTokenizerPlan {
  std::vector<std::unique_ptr<PreTokenizer>> steps;
  // The last step would write bytes in the alphabet of byte-level vocabularies: it is left out, and
  // the model works on bytes.
  bool byte_level = false;

  // store.pieces becomes the pieces of `text`.
  void run(std::string_view text, bool first, PieceStore& store) const;
};

// From the "pre_tokenizer" value of a tokenizer.json. With `keep_bytes` a last byte-level step is
// left to the model. Errors: corrupt_data, unsupported.
PreTokenizerPlan make_pre_tokenizer(const Json& config, bool keep_bytes, std::string_view where);

// Steps for formats that name their pre-tokenizer otherwise.
std::unique_ptr<PreTokenizer> split_by(Pattern pattern, SplitBehavior behavior,
                                       bool invert = false);
std::unique_ptr<PreTokenizer> split_digits(bool individual);
std::unique_ptr<PreTokenizer> bert_pre_tokenizer();

}  // namespace ominix::text
