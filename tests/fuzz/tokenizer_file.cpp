// The first byte chooses the format; what loads must encode and decode.
#include <ominix/tokenizer.h>

#include "fuzz/fuzz.h"
#include "text/load_files.h"
#include "text/load_json.h"

namespace {

using namespace ominix;

std::unique_ptr<text::Pipeline> load(char kind, std::string_view bytes) {
  switch (kind) {
    case 's':
      return text::load_sentencepiece_model(bytes, "tokenizer.model");
    case 't':
      return text::load_tiktoken(bytes, "a.tiktoken");
    case 'm':
      return text::load_tekken(bytes, "tekken.json");
    case 'v': {
      const size_t cut = std::min(bytes.find('\0'), bytes.size());
      return text::load_vocab_and_merges(
          bytes.substr(0, cut), bytes.substr(std::min(cut + 1, bytes.size())), "vocab.json");
    }
    default:
      return text::load_tokenizer_json(bytes, "tokenizer.json");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view bytes = fuzz::text_of(data + 1, size - 1);
  fuzz::run([&] {
    const auto t = std::make_shared<const Tokenizer>(load(static_cast<char>(data[0]), bytes));
    // A piece of the file itself holds what its vocabulary is about.
    std::string text = "Hello \u00e9\u4e2d\U0001F600 <0x41>\n  12345 ";
    text += bytes.substr(0, 200);
    for (const bool special : {false, true}) {
      const auto ids = t->encode(text, {.parse_special = special});
      t->decode(ids, !special);
      Detokenizer d(t, !special);
      for (const int32_t id : ids) d.push(id);
      d.finish();
    }
    const int32_t odd[] = {-1, 0, 1, 255, 2147483647};
    t->decode(odd, false);
    for (const int32_t id : odd) t->token(id);
  });
  return 0;
}
