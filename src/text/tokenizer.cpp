#include <ominix/tokenizer.h>

#include <algorithm>
#include <utility>

#include "base/utf8.h"
#include "text/byte_alphabet.h"
#include "text/pipeline.h"

namespace ominix {

using text::AddedTokens;
using text::kNoToken;
using text::Pipeline;
using text::SpecialPolicy;

namespace text {

std::optional<std::string> Pipeline::token(int32_t id) const {
  if (const AddedToken* a = added.find(id)) return a->content;
  if (!vocabulary->has(id)) return std::nullopt;
  const std::string_view key = vocabulary->token(id);
  return byte_keys ? token_of_byte_key(key) : std::string(key);
}

}  // namespace text

namespace {

class Encoder {
 public:
  Encoder(const Pipeline& pipeline, const SpecialPolicy& policy, std::vector<int32_t>& out)
      : p_(pipeline), policy_(policy), out_(out) {}

  void run(std::string_view text) {
    std::vector<AddedTokens::Span> spans;
    p_.added.split(text, false, policy_, 0, spans);
    for (const auto& span : spans) {
      if (span.id != kNoToken) {
        out_.push_back(span.id);
      } else {
        normalize(text.substr(span.begin, span.end - span.begin), span.begin);
      }
    }
  }

 private:
  void normalize(std::string_view raw, size_t offset) {
    if (!p_.normalizer) return find_normalized(raw, raw, offset);
    const std::string text = offset == 0 ? p_.normalizer->apply(std::string(raw))
                                         : p_.normalizer->apply_inside(std::string(raw));
    find_normalized(text, raw, offset);
  }

  // Whether what becomes of `raw` begins where the whole text does: not when the normalizer drops
  // its first character.
  bool is_first(std::string_view raw, size_t offset) const {
    if (offset != 0 || raw.empty() || !p_.normalizer || p_.pre_tokenizer.steps.empty()) {
      return offset == 0;
    }
    size_t end = 0;
    utf8::decode(raw, end);
    return !p_.normalizer->apply(std::string(raw.substr(0, end))).empty();
  }

  // `text` is what became of `raw`, which starts at `offset` in the whole text.
  void find_normalized(std::string_view text, std::string_view raw, size_t offset) {
    const bool first = is_first(raw, offset);
    if (!p_.added.has_normalized()) return pieces(text, first);
    // Places in normalized text can only be traced back when it is still the same text.
    const bool same = text == raw;
    const bool all = policy_.allows(offset, offset + raw.size());
    const SpecialPolicy policy{.everywhere = all,
                               .ranges = same ? policy_.ranges : std::span<const ByteRange>()};
    std::vector<AddedTokens::Span> spans;
    p_.added.split(text, true, policy, offset, spans);
    for (const auto& span : spans) {
      if (span.id != kNoToken) {
        out_.push_back(span.id);
      } else {
        pieces(text.substr(span.begin, span.end - span.begin), first && span.begin == 0);
      }
    }
  }

  void pieces(std::string_view text, bool first) {
    if (text.empty()) return;
    if (p_.pre_tokenizer.steps.empty()) return p_.model->encode(text, out_, scratch_);
    p_.pre_tokenizer.run(text, first, store_);
    for (const text::Piece& piece : store_.pieces) p_.model->encode(piece.text, out_, scratch_);
  }

  const Pipeline& p_;
  const SpecialPolicy& policy_;
  std::vector<int32_t>& out_;
  text::Scratch scratch_;
  text::PieceStore store_;
};

std::vector<int32_t> encode_with(const Pipeline& pipeline, std::string_view text,
                                 const SpecialPolicy& policy, bool add_special) {
  std::vector<int32_t> out;
  out.reserve(text.size() / 4 + 8);
  if (add_special) out = pipeline.before;
  Encoder(pipeline, policy, out).run(text);
  if (add_special) out.insert(out.end(), pipeline.after.begin(), pipeline.after.end());
  return out;
}

}  // namespace

Tokenizer::Tokenizer(std::unique_ptr<const Pipeline> pipeline) : pipeline_(std::move(pipeline)) {}
Tokenizer::~Tokenizer() = default;

std::vector<int32_t> Tokenizer::encode(std::string_view text, EncodeOptions options) const {
  const SpecialPolicy policy{.everywhere = options.parse_special};
  if (!utf8::is_valid(text)) {
    return encode_with(*pipeline_, utf8::sanitize(text), policy, options.add_special);
  }
  return encode_with(*pipeline_, text, policy, options.add_special);
}

std::vector<int32_t> Tokenizer::encode(const PromptText& prompt) const {
  if (utf8::is_valid(prompt.text)) {
    return encode_with(*pipeline_, prompt.text, {.ranges = prompt.trusted}, false);
  }
  // Repairing moves bytes: repair each part by itself.
  PromptText repaired;
  size_t done = 0;
  const auto append = [&](size_t end) {
    repaired.text += utf8::sanitize(std::string_view(prompt.text).substr(done, end - done));
    done = end;
  };
  for (const ByteRange& range : prompt.trusted) {
    append(range.begin);
    const size_t begin = repaired.text.size();
    append(range.end);
    repaired.trusted.push_back({begin, repaired.text.size()});
  }
  append(prompt.text.size());
  return encode_with(*pipeline_, repaired.text, {.ranges = repaired.trusted}, false);
}

std::string Tokenizer::decode(std::span<const int32_t> ids, bool skip_special) const {
  std::vector<std::string> tokens;
  tokens.reserve(ids.size());
  for (const int32_t id : ids) {
    auto token = pipeline_->token(id);
    if (!token || (skip_special && pipeline_->added.is_special(*token))) continue;
    tokens.push_back(*std::move(token));
  }
  return pipeline_->decoder.run(std::move(tokens));
}

size_t Tokenizer::vocab_size() const {
  size_t size = pipeline_->vocabulary->size();
  for (const auto& token : pipeline_->added.all()) {
    size = std::max(size, static_cast<size_t>(token.id) + 1);
  }
  return size;
}

std::optional<int32_t> Tokenizer::bos() const { return pipeline_->bos; }
std::optional<int32_t> Tokenizer::eos() const { return pipeline_->eos; }
std::optional<int32_t> Tokenizer::pad() const { return pipeline_->pad; }
std::optional<int32_t> Tokenizer::unk() const { return pipeline_->unk; }
const std::vector<int32_t>& Tokenizer::stops() const { return pipeline_->stops; }

std::optional<int32_t> Tokenizer::id(std::string_view token) const {
  if (const auto* a = pipeline_->added.find(token)) return a->id;
  const int32_t id = pipeline_->byte_keys ? pipeline_->vocabulary->find(text::byte_key(token))
                                          : pipeline_->vocabulary->find(token);
  return id == kNoToken ? std::nullopt : std::optional(id);
}

std::string Tokenizer::token(int32_t id) const { return pipeline_->token(id).value_or(""); }

bool Tokenizer::is_special(int32_t id) const {
  const auto* a = pipeline_->added.find(id);
  return a && a->special;
}

}  // namespace ominix
