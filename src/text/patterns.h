#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

namespace ominix::text {

// Hand-written matchers of the splitting patterns that most published tokenizers use. Each matches
// at every position of any text, so a text falls into matches without gaps. They return what the
// general engine (regex.h) returns for the same pattern; a test compares the two.
class KnownPattern {
 public:
  // The pattern as a tokenizer.json writes it, or nothing when it is not among the known ones.
  static std::optional<KnownPattern> of(std::string_view pattern);

  // The end of the match that starts at `begin` < text.size(). `text` is UTF-8.
  size_t match(std::string_view text, size_t begin) const { return match_(text, begin); }

 private:
  using Match = size_t (*)(std::string_view text, size_t begin);
  explicit KnownPattern(Match match) : match_(match) {}
  Match match_;
};

// GPT-2's pattern: what ByteLevel splits by when its use_regex is on.
inline constexpr std::string_view kGpt2Pattern =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";
// One digit at a time (Qwen), and up to three (Llama 3, GLM-4, cl100k).
inline constexpr std::string_view kQwen2Pattern =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
inline constexpr std::string_view kLlama3Pattern =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
// Words hold marks as well (Qwen 3.5).
inline constexpr std::string_view kQwen35Pattern =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

}  // namespace ominix::text
