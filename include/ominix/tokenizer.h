#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ominix {

namespace text {
struct Pipeline;
}

// Bytes [begin, end) of a text.
struct ByteRange {
  size_t begin = 0, end = 0;
  bool operator==(const ByteRange&) const = default;
};

// A prompt as a chat template renders it: which bytes come from the template itself (or from the
// model's own files), and so may form special tokens. The rest is what users wrote.
struct PromptText {
  std::string text;
  std::vector<ByteRange> trusted;  // sorted, disjoint, not touching
};

struct EncodeOptions {
  // Adds what the model's tokenizer puts around a text, such as a token of beginning.
  bool add_special = true;
  // Text that spells a special token becomes that token. Off for text that users wrote: it would
  // let them end a turn or begin another. Tokens that are added but not special are always found.
  bool parse_special = false;
};

// The tokenizer of one model. Never changes: all members may be called from any thread.
class Tokenizer {
 public:
  // One of these files, or a folder with one of them (the first counts):
  //   tokenizer.json            of the tokenizers library
  //   tekken.json               of mistral-common
  //   vocab.json + merges.txt   byte-level BPE (either name does)
  //   tokenizer.model           of SentencePiece, BPE or unigram, or ranks as in .tiktoken
  //   *.tiktoken                "base64 rank" a line
  // Beside them count tokenizer_config.json, special_tokens_map.json and, where the file has no added
  // tokens itself, added_tokens.json. vocab.json and .tiktoken do not name the pattern that cuts text:
  // the vocabulary shows which of GPT-2's, Llama 3's and Qwen 2's it was made with.
  // Errors: not_found, corrupt_data, unsupported, too_big, invalid_argument (several to choose from).
  static std::shared_ptr<const Tokenizer> load(const std::filesystem::path& folder_or_file);

  explicit Tokenizer(std::unique_ptr<const text::Pipeline> pipeline);
  ~Tokenizer();

  // Bytes that are not UTF-8 count as U+FFFD.
  std::vector<int32_t> encode(std::string_view text, EncodeOptions options = {}) const;
  // Special tokens are found only wholly inside the trusted ranges, and nothing is added: the
  // template has written what belongs around the text.
  std::vector<int32_t> encode(const PromptText& prompt) const;

  // Ids that are not in the vocabulary are left out. The text is valid UTF-8.
  std::string decode(std::span<const int32_t> ids, bool skip_special = true) const;

  // One past the largest id.
  size_t vocab_size() const;
  std::optional<int32_t> bos() const;
  std::optional<int32_t> eos() const;
  std::optional<int32_t> pad() const;
  std::optional<int32_t> unk() const;
  // Tokens that end a turn or a text, eos first: those that the file names.
  const std::vector<int32_t>& stops() const;

  // By the token as its file writes it ("Ġthe", "▁the", "<|im_end|>").
  std::optional<int32_t> id(std::string_view token) const;
  std::string token(int32_t id) const;
  bool is_special(int32_t id) const;

  const text::Pipeline& pipeline() const { return *pipeline_; }

 private:
  std::unique_ptr<const text::Pipeline> pipeline_;
};

// The tokenizer of anything that is a model: what Tokenizer::load takes, or a .gguf file, also one of
// a vocabulary alone. Errors: as there.
std::shared_ptr<const Tokenizer> load_tokenizer(const std::filesystem::path& model);

// Turns ids into text as they come. What push() returns is always whole characters of valid UTF-8;
// bytes that cannot become a character are U+FFFD.
class Detokenizer {
 public:
  explicit Detokenizer(std::shared_ptr<const Tokenizer> tokenizer, bool skip_special = true);
  Detokenizer(Detokenizer&&) noexcept;
  Detokenizer& operator=(Detokenizer&&) noexcept;
  ~Detokenizer();

  // The text that is now certain; empty while a character is unfinished.
  std::string push(int32_t id);
  // The rest. The detokenizer is then as new.
  std::string finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace ominix
