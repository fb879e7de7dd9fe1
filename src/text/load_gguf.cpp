#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/error.h"
#include "base/utf8.h"
#include "text/bpe.h"
#include "text/byte_alphabet.h"
#include "text/charsmap.h"
#include "text/gguf_vocab.h"
#include "text/pipeline.h"
#include "text/sentencepiece.h"
#include "text/shown.h"
#include "text/unigram.h"
#include "text/word_piece.h"

namespace ominix::text {
namespace {

constexpr std::string_view kWhere = "gguf: tokenizer";

enum : int32_t { kUnknown = 2, kControl = 3, kUserDefined = 4 };

// What the names of tokenizer.ggml.pre stand for: patterns applied one behind the other.
struct NamedPre {
  std::vector<std::string_view> names;
  bool ignore_merges;
  std::vector<std::string_view> patterns;
};

constexpr std::string_view kDigit = R"(\p{N})";
constexpr std::string_view kTekkenPattern =
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr std::string_view kGpt4oPattern =
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

const std::vector<NamedPre>& named() {
  static const std::vector<NamedPre> kNamed = {
      {{"llama3", "llama-v3", "llama-bpe", "falcon3", "pixtral"}, true, {kLlama3Pattern}},
      {{"glm4", "chatglm-bpe", "dbrx", "smaug-bpe"}, false, {kLlama3Pattern}},
      {{"qwen2", "deepseek-r1-qwen", "stablelm2", "hunyuan"}, false, {kQwen2Pattern}},
      {{"qwen35"}, false, {kQwen35Pattern}},
      {{"gpt-2", "phi-2", "mpt", "olmo", "roberta-bpe"}, false, {kGpt2Pattern}},
      {{"smollm", "starcoder", "refact", "command-r", "codeshell"}, false, {kDigit, kGpt2Pattern}},
      {{"tekken"}, true, {kTekkenPattern}},
      {{"gpt-4o", "llama4"}, false, {kGpt4oPattern}},
      {{"", "default"},
       false,
       {R"([\p{P}\$\+<=>\^~\|]+)", kGpt2Pattern, R"(\p{N}+)", "[0-9][0-9][0-9]"}},
  };
  return kNamed;
}

std::string checked(const std::string& token, size_t id) {
  if (!utf8::is_valid(token)) {
    throw fail(ErrorCode::corrupt_data, "{}: token {} is not UTF-8", kWhere, id);
  }
  return token;
}

int32_t type_of(const GgufVocab& v, size_t id) {
  return v.token_types.empty() ? 1 : v.token_types[id];
}

void check_sizes(const GgufVocab& v) {
  const size_t n = v.tokens.size();
  if (n == 0) throw fail(ErrorCode::corrupt_data, "{}: no tokens", kWhere);
  if ((!v.scores.empty() && v.scores.size() != n) ||
      (!v.token_types.empty() && v.token_types.size() != n)) {
    throw fail(ErrorCode::corrupt_data, "{}: {} tokens with {} scores and {} types", kWhere, n,
               v.scores.size(), v.token_types.size());
  }
  for (size_t id = 0; id < n; ++id) {
    const int32_t type = type_of(v, id);
    if (type < 0 || type > 6) {
      throw fail(ErrorCode::corrupt_data, "{}: token {} is of type {}, expected 1 to 6", kWhere, id,
                 type);
    }
  }
  for (const auto& id : {v.bos, v.eos, v.eot, v.eom, v.unk, v.pad, v.sep, v.cls}) {
    if (id && (*id < 0 || static_cast<size_t>(*id) >= n)) {
      throw fail(ErrorCode::corrupt_data, "{}: a special id {} among {} tokens", kWhere, *id, n);
    }
  }
}

// Control tokens are special, those that users defined are always found.
AddedTokens added_tokens(const GgufVocab& v) {
  std::vector<AddedToken> out;
  for (size_t id = 0; id < v.tokens.size(); ++id) {
    const int32_t type = type_of(v, id);
    const bool special = type == kControl || type == kUnknown;
    if (!special && type != kUserDefined) continue;
    out.push_back(
        {.content = checked(v.tokens[id], id), .id = static_cast<int32_t>(id), .special = special});
  }
  const std::vector<std::string> normalized(out.size());
  return AddedTokens(std::move(out), normalized, kWhere);
}

// `key(token, id)` is how a token is kept.
template <class Key>
std::shared_ptr<const Vocabulary> vocabulary_of(const GgufVocab& v, Key key) {
  std::vector<std::string> keys;
  std::vector<Vocabulary::Entry> entries;
  keys.reserve(v.tokens.size());
  entries.reserve(v.tokens.size());
  for (size_t id = 0; id < v.tokens.size(); ++id) {
    keys.push_back(key(checked(v.tokens[id], id), id));
    entries.push_back({keys.back(), static_cast<int32_t>(id)});
  }
  return std::make_shared<const Vocabulary>(entries, kWhere);
}

void load_bpe(const GgufVocab& v, Pipeline& p) {
  const auto it = std::find_if(named().begin(), named().end(), [&](const NamedPre& pre) {
    return std::find(pre.names.begin(), pre.names.end(), v.pre) != pre.names.end();
  });
  if (it == named().end()) {
    throw fail(ErrorCode::unsupported, "{}: the pre-tokenizer '{}' is not known", kWhere,
               shown(v.pre));
  }
  for (const std::string_view pattern : it->patterns) {
    p.pre_tokenizer.steps.push_back(split_by(Pattern::regex(pattern), SplitBehavior::isolated));
  }
  p.pre_tokenizer.byte_level = true;
  p.byte_keys = true;
  // Text must not reach control tokens through the vocabulary.
  p.vocabulary = vocabulary_of(v, [&](const std::string& token, size_t id) {
    return type_of(v, id) == kControl ? foreign_key(token) : byte_key(token);
  });
  MergeTable merges;
  merges.reserve(v.merges.size());
  std::string joint;
  for (size_t rank = 0; rank < v.merges.size(); ++rank) {
    const std::string_view merge = v.merges[rank];
    const size_t space = merge.find(' ', 1);
    if (space == merge.npos || !utf8::is_valid(merge)) {
      throw fail(ErrorCode::corrupt_data, "{}: merge {} is '{}', expected two tokens", kWhere, rank,
                 shown(merge));
    }
    const std::string left = byte_key(merge.substr(0, space));
    const std::string right = byte_key(merge.substr(space + 1));
    joint.assign(left).append(right);
    const int32_t l = p.vocabulary->find(left), r = p.vocabulary->find(right),
                  j = p.vocabulary->find(joint);
    if (l == kNoToken || r == kNoToken || j == kNoToken) {
      throw fail(ErrorCode::corrupt_data, "{}: merge {} is '{}', whose tokens are not all there",
                 kWhere, rank, shown(merge));
    }
    merges.set(l, r, {static_cast<uint32_t>(rank), j});
  }
  p.model = std::make_unique<Bpe>(
      p.vocabulary, std::move(merges),
      Bpe::Options{.byte_level = true, .ignore_merges = it->ignore_merges}, kWhere);
  p.decoder = byte_level_decoder();
}

std::vector<PieceType> piece_types(const GgufVocab& v) {
  std::vector<PieceType> types(v.tokens.size(), PieceType::normal);
  for (size_t id = 0; id < types.size(); ++id) {
    if (const int32_t type = type_of(v, id); type != 0) types[id] = static_cast<PieceType>(type);
  }
  return types;
}

void load_sentencepiece(const GgufVocab& v, Pipeline& p) {
  p.vocabulary = vocabulary_of(v, [](const std::string& token, size_t) { return token; });
  auto normalizer = std::make_unique<SentencePieceNormalizer>();
  normalizer->add_dummy_prefix = v.add_space_prefix.value_or(true);
  normalizer->remove_extra_whitespaces = v.remove_extra_whitespaces.value_or(false);
  normalizer->map = CharsMap(v.precompiled_charsmap, kWhere);
  p.decoder = sentencepiece_decoder(normalizer->add_dummy_prefix);
  p.normalizer = std::move(normalizer);
  if (v.scores.empty()) throw fail(ErrorCode::corrupt_data, "{}: no scores", kWhere);
  if (v.model == "t5") {
    p.model = std::make_unique<Unigram>(
        p.vocabulary, std::vector<double>(v.scores.begin(), v.scores.end()), piece_types(v),
        Unigram::Options{.unk = v.unk.value_or(kNoToken), .single_precision = true}, kWhere);
    return;
  }
  ScoredVocabulary scored{.tokens = p.vocabulary, .scores = v.scores, .types = piece_types(v)};
  scored.byte_fallback = std::count(scored.types.begin(), scored.types.end(), PieceType::byte) > 0;
  p.model = std::make_unique<SentencePieceBpe>(std::move(scored), kWhere);
}

// The vocabulary marks tokens that start a word with ▁ instead of those that go on with ##.
void load_bert(const GgufVocab& v, Pipeline& p) {
  p.vocabulary = vocabulary_of(v, [](const std::string& token, size_t) { return token; });
  p.normalizer = make_normalizer(Json{{"type", "BertNormalizer"},
                                      {"clean_text", true},
                                      {"handle_chinese_chars", true},
                                      {"strip_accents", nullptr},
                                      {"lowercase", true}},
                                 kWhere);
  p.pre_tokenizer = make_pre_tokenizer(Json{{"type", "BertPreTokenizer"}}, false, kWhere);
  WordPiece::Options options{.first_prefix = "▁", .continuing_subword_prefix = ""};
  if (v.unk) options.unk_token = v.tokens[static_cast<size_t>(*v.unk)];
  p.model = std::make_unique<WordPiece>(p.vocabulary, std::move(options), kWhere);
  p.decoder = sentencepiece_decoder(true);
}

}  // namespace

std::shared_ptr<const Tokenizer> load_gguf(const GgufVocab& v) {
  check_sizes(v);
  auto p = std::make_unique<Pipeline>();
  bool add_bos = false, add_eos = false;
  p->bos = v.bos;
  p->eos = v.eos;
  p->pad = v.pad;
  p->unk = v.unk;
  if (v.model == "gpt2") {
    load_bpe(v, *p);
    add_bos = v.pre == "llama-bpe" || v.pre == "llama3" || v.pre == "tekken";
  } else if (v.model == "llama" || v.model == "t5") {
    load_sentencepiece(v, *p);
    add_bos = v.model == "llama";
    add_eos = v.model == "t5";
  } else if (v.model == "bert") {
    load_bert(v, *p);
    add_bos = add_eos = true;
    if (v.cls) p->bos = v.cls;
    if (v.sep) p->eos = v.sep;
  } else {
    throw fail(ErrorCode::unsupported,
               "{}: the model '{}' is not known, expected gpt2, llama, t5 or bert", kWhere,
               shown(v.model));
  }
  p->added = added_tokens(v);
  if (v.add_bos.value_or(add_bos) && p->bos) p->before.push_back(*p->bos);
  if (v.add_eos.value_or(add_eos) && p->eos) p->after.push_back(*p->eos);
  for (const auto& id : {v.eos, v.eot, v.eom}) {
    if (id && std::find(p->stops.begin(), p->stops.end(), *id) == p->stops.end()) {
      p->stops.push_back(*id);
    }
  }
  return std::make_shared<const Tokenizer>(std::move(p));
}

}  // namespace ominix::text
