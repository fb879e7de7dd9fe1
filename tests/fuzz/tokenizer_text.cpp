// Texts through fixed tokenizers: what is encoded decodes to itself, the stream says the same, and
// no text forms a special token.
#include <ominix/tokenizer.h>

#include <array>

#include "base/utf8.h"
#include "fuzz/fuzz.h"
#include "text/load_json.h"
#include "text/small_vocab.h"

namespace {

using namespace ominix;

constexpr const char* kSentencePieces = R"({
  "added_tokens": [{"id": 1, "content": "<s>", "special": true}, {"id": 2, "content": "[A]"}],
  "normalizer": {"type": "Sequence", "normalizers": [{"type": "Prepend", "prepend": "▁"},
    {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}]},
  "decoder": {"type": "Sequence", "decoders": [
    {"type": "Replace", "pattern": {"String": "▁"}, "content": " "}, {"type": "ByteFallback"},
    {"type": "Fuse"}, {"type": "Strip", "content": " ", "start": 1, "stop": 0}]},
  "model": {"type": "BPE", "byte_fallback": true, "fuse_unk": true, "unk_token": "<unk>",
    "vocab": {"<unk>": 0, "<s>": 1, "a": 3, "b": 4, "▁": 5, "ab": 6, "▁a": 7, "▁ab": 8, "é": 9, "éa": 10},
    "merges": ["a b", "▁ a", "▁ ab", "é a"]}})";

constexpr const char* kWords = R"({
  "normalizer": {"type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true,
    "strip_accents": null, "lowercase": true},
  "pre_tokenizer": {"type": "BertPreTokenizer"}, "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": true},
  "model": {"type": "WordPiece", "unk_token": "[UNK]", "vocab": {"[UNK]": 0, "a": 1, "##b": 2, "##a": 3, "é": 4}}})";

constexpr const char* kUnigram = R"({
  "normalizer": {"type": "Sequence", "normalizers": [{"type": "NFKC"}, {"type": "Strip", "strip_left": true,
    "strip_right": true}]},
  "pre_tokenizer": {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "first"},
  "decoder": {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "first"},
  "model": {"type": "Unigram", "unk_id": 0, "vocab": [["<unk>", 0], ["▁", -2], ["a", -2], ["b", -3], ["ab", -2.5],
    ["▁ab", -3.5], ["é", -4]]}})";

std::shared_ptr<const Tokenizer> from_json(const char* json) {
  return std::make_shared<const Tokenizer>(text::load_tokenizer_json(json, "tokenizer.json"));
}

std::vector<std::shared_ptr<const Tokenizer>> tokenizers() {
  std::vector<std::shared_ptr<const Tokenizer>> out;
  for (const char* pre :
       {"qwen2", "llama-bpe", "gpt-2", "qwen35", "tekken", "gpt-4o", "smollm", ""}) {
    auto vocab = testing::small_vocab();
    vocab.pre = pre;
    out.push_back(text::load_gguf(vocab));
  }
  for (const char* json : {kSentencePieces, kWords, kUnigram}) out.push_back(from_json(json));
  return out;
}

void require(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const auto kTokenizers = tokenizers();
  constexpr size_t kByteLevel = 8;
  if (size == 0) return 0;
  const size_t which = data[0] % kTokenizers.size();
  const auto& t = kTokenizers[which];
  const std::string_view text = fuzz::text_of(data + 1, size - 1);
  const auto ids = t->encode(text, {.add_special = false});
  for (const int32_t id : ids) require(!t->is_special(id));
  const std::string back = t->decode(ids, false);
  require(utf8::is_valid(back));
  if (which < kByteLevel) require(back == utf8::sanitize(text));
  Detokenizer d(t, false);
  std::string stream;
  for (const int32_t id : ids) {
    const std::string piece = d.push(id);
    require(utf8::is_valid(piece));
    stream += piece;
  }
  stream += d.finish();
  if (which < kByteLevel) require(stream == back);
  // Any cut into trusted and other text, valid or not.
  PromptText prompt{std::string(text), {}};
  const size_t a = size / 3, b = size / 2;
  if (a < b && b <= text.size()) prompt.trusted.push_back({a, b});
  t->encode(prompt);
  t->decode(t->encode(text, {.parse_special = true}), true);
  return 0;
}
