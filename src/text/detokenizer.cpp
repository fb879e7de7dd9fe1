#include <ominix/tokenizer.h>

#include <utility>

#include "base/utf8.h"
#include "text/byte_alphabet.h"
#include "text/pipeline.h"

namespace ominix {

using text::Streaming;

struct Detokenizer::State {
  std::shared_ptr<const Tokenizer> tokenizer;
  bool skip_special = true;
  std::string bytes;  // not yet handed out
  bool at_start = true;
  std::vector<int32_t> window;  // Kind::whole: ids since the last clean cut, and its text's length
  size_t given = 0;

  std::string take_complete() {
    const size_t size = utf8::complete_prefix(bytes);
    std::string out = utf8::sanitize(std::string_view(bytes).substr(0, size));
    bytes.erase(0, size);
    return out;
  }

  void append_bytes(const Streaming& streaming, const std::string& token) {
    if (streaming.kind == Streaming::Kind::byte_level) {
      const auto raw = text::from_alphabet(token);
      bytes += raw ? *raw : token;
      return;
    }
    if (const int byte = text::byte_of_fallback_token(token); byte >= 0) {
      bytes += static_cast<char>(byte);
      return;
    }
    // What text follows can no longer complete a character.
    bytes = utf8::sanitize(bytes);
    if (!streaming.unk.empty() && token == streaming.unk) {
      bytes += streaming.unk_surface;
      return;
    }
    for (size_t at = 0; at < token.size();) {
      if (!streaming.from.empty() &&
          token.compare(at, streaming.from.size(), streaming.from) == 0) {
        bytes += streaming.to;
        at += streaming.from.size();
      } else {
        bytes += token[at++];
      }
    }
  }

  std::string push_whole(int32_t id) {
    // Text that ends in U+FFFD may still change with the next id.
    window.push_back(id);
    const std::string text = tokenizer->decode(window, skip_special);
    if (text.size() <= given || text.ends_with("\uFFFD")) return {};
    // Bytes that turn out to be no character can change what was given already.
    std::string out = utf8::sanitize(std::string_view(text).substr(given));
    given = text.size();
    // Keep a short window: its text must go on from the same beginning.
    if (window.size() > 32) {
      const std::vector<int32_t> tail(window.end() - 8, window.end());
      const std::string tail_text = tokenizer->decode(tail, skip_special);
      if (!tail_text.empty() && text.ends_with(tail_text)) {
        window = tail;
        given = tail_text.size();
      }
    }
    return out;
  }
};

Detokenizer::Detokenizer(std::shared_ptr<const Tokenizer> tokenizer, bool skip_special)
    : state_(std::make_unique<State>()) {
  state_->tokenizer = std::move(tokenizer);
  state_->skip_special = skip_special;
}

Detokenizer::Detokenizer(Detokenizer&&) noexcept = default;
Detokenizer& Detokenizer::operator=(Detokenizer&&) noexcept = default;
Detokenizer::~Detokenizer() = default;

std::string Detokenizer::push(int32_t id) {
  State& s = *state_;
  const text::Pipeline& pipeline = s.tokenizer->pipeline();
  const Streaming& streaming = pipeline.decoder.streaming;
  if (streaming.kind == Streaming::Kind::whole) return s.push_whole(id);
  const auto token = pipeline.token(id);
  if (!token || (s.skip_special && pipeline.added.is_special(*token))) return {};
  s.append_bytes(streaming, *token);
  if (s.at_start && !s.bytes.empty()) {
    if (streaming.strip_first_space && s.bytes.front() == ' ' && *token != streaming.unk) {
      s.bytes.erase(0, 1);
    }
    s.at_start = streaming.strip_until_text && s.bytes.empty();
  }
  return s.take_complete();
}

std::string Detokenizer::finish() {
  State& s = *state_;
  std::string out;
  if (s.tokenizer->pipeline().decoder.streaming.kind == Streaming::Kind::whole) {
    const std::string text = s.tokenizer->decode(s.window, s.skip_special);
    if (text.size() > s.given) out = utf8::sanitize(std::string_view(text).substr(s.given));
  } else {
    out = utf8::sanitize(s.bytes);
  }
  s.bytes.clear();
  s.window.clear();
  s.given = 0;
  s.at_start = true;
  return out;
}

}  // namespace ominix
