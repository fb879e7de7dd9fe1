#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"

namespace ominix::text {

// Turns the strings of tokens into text: a chain of steps, each from strings to strings, as in the
// reference. Thread-safe.
class Decoder {
 public:
  virtual ~Decoder() = default;
  virtual std::vector<std::string> apply(std::vector<std::string> tokens) const = 0;
};

// How text can be made from ids one by one. What does not fit is decoded as a whole each time.
struct Streaming {
  enum class Kind : uint8_t {
    whole,          // no simple rule
    byte_level,     // bytes of the alphabet; a token with a foreign character stands for itself
    byte_fallback,  // tokens <0x00> are bytes, `from` becomes `to` in the others
  };
  Kind kind = Kind::whole;
  std::string from, to;
  bool strip_first_space = false;
  // SentencePiece's own: what an unknown-token shows, and spaces go until there is text.
  std::string unk, unk_surface;
  bool strip_until_text = false;
};

struct DecoderPlan {
  std::vector<std::unique_ptr<Decoder>> steps;
  bool present = false;  // else tokens are joined with spaces
  Streaming streaming;

  std::string run(std::vector<std::string> tokens) const;
};

// From the "decoder" value of a tokenizer.json. Errors: corrupt_data, unsupported.
DecoderPlan make_decoder(const Json& config, std::string_view where);
DecoderPlan byte_level_decoder();
// SentencePiece: ▁ is a space, byte tokens are bytes, one space of the beginning is dropped when
// the encoder puts one there.
DecoderPlan sentencepiece_decoder(bool strip_first_space);

// The same as the sentencepiece library does it.
struct SentencePieceDecoding {
  std::string unk, unk_surface;
  bool strips_first = true, strips_until_text = false;
};
DecoderPlan sentencepiece_model_decoder(SentencePieceDecoding options);

}  // namespace ominix::text
