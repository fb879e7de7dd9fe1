#include <algorithm>
#include <array>
#include <utility>

#include "base/error.h"
#include "base/utf8.h"
#include "text/charsmap.h"
#include "text/load_files.h"
#include "text/load_json.h"
#include "text/protobuf.h"
#include "text/sentencepiece.h"
#include "text/unigram.h"

namespace ominix::text {
namespace {

// Field numbers and defaults: sentencepiece_model.proto of google/sentencepiece.
enum ModelType : uint64_t { kUnigram = 1, kBpe = 2 };

struct Trainer {
  uint64_t model_type = kUnigram;
  bool byte_fallback = false, whitespace_as_suffix = false;
  std::string_view unk_surface = " \u2047 ", bos = "<s>", eos = "</s>", pad = "<pad>";
};

struct Rules {
  std::string_view charsmap;
  bool add_dummy_prefix = true, remove_extra_whitespaces = true, escape_whitespaces = true;
};

struct Pieces {
  std::vector<Vocabulary::Entry> entries;
  std::vector<float> scores;
  std::vector<PieceType> types;
};

void read_piece(std::string_view message, Pieces& out, std::string_view where) {
  std::string_view text;
  float score = 0;
  uint64_t type = 1;
  ProtobufReader r(message, where);
  while (r.next()) {
    switch (r.field()) {
      case 1:
        text = r.bytes();
        break;
      case 2:
        score = r.number();
        break;
      case 3:
        type = r.integer();
        break;
      default:
        r.skip();
    }
  }
  const size_t id = out.entries.size();
  if (text.empty() || !utf8::is_valid(text)) {
    throw fail(ErrorCode::corrupt_data, "{}: piece {} is {}", where, id,
               text.empty() ? "empty" : "not UTF-8");
  }
  if (type < 1 || type > 6) {
    throw fail(ErrorCode::corrupt_data, "{}: piece {} is of type {}, expected 1 to 6", where, id,
               type);
  }
  out.entries.push_back({text, static_cast<int32_t>(id)});
  out.scores.push_back(score);
  out.types.push_back(static_cast<PieceType>(type));
}

Trainer read_trainer(std::string_view message, std::string_view where) {
  Trainer t;
  ProtobufReader r(message, where);
  while (r.next()) {
    switch (r.field()) {
      case 3:
        t.model_type = r.integer();
        break;
      case 24:
        t.whitespace_as_suffix = r.boolean();
        break;
      case 35:
        t.byte_fallback = r.boolean();
        break;
      case 44:
        t.unk_surface = r.bytes();
        break;
      case 46:
        t.bos = r.bytes();
        break;
      case 47:
        t.eos = r.bytes();
        break;
      case 48:
        t.pad = r.bytes();
        break;
      default:
        r.skip();
    }
  }
  if (!utf8::is_valid(t.unk_surface)) {
    throw fail(ErrorCode::corrupt_data, "{}: a surface of unknowns that is not UTF-8", where);
  }
  return t;
}

Rules read_rules(std::string_view message, std::string_view where) {
  Rules rules;
  ProtobufReader r(message, where);
  while (r.next()) {
    switch (r.field()) {
      case 2:
        rules.charsmap = r.bytes();
        break;
      case 3:
        rules.add_dummy_prefix = r.boolean();
        break;
      case 4:
        rules.remove_extra_whitespaces = r.boolean();
        break;
      case 5:
        rules.escape_whitespaces = r.boolean();
        break;
      default:
        r.skip();
    }
  }
  return rules;
}

std::unique_ptr<Normalizer> make_rules(const Rules& rules, const Trainer& trainer,
                                       const Pieces& pieces, std::string_view where) {
  auto out = std::make_unique<SentencePieceNormalizer>();
  out->map = CharsMap(rules.charsmap, where);
  out->add_dummy_prefix = rules.add_dummy_prefix;
  // A space that a template writes behind a control token takes the place of the prefix.
  out->prefix_only_at_start = !rules.remove_extra_whitespaces;
  out->remove_extra_whitespaces = rules.remove_extra_whitespaces;
  out->escape_whitespaces = rules.escape_whitespaces;
  out->whitespace_is_suffix = trainer.whitespace_as_suffix;
  std::vector<PrefixIndex::Item> user_defined;
  for (const auto& e : pieces.entries) {
    if (pieces.types[static_cast<size_t>(e.id)] == PieceType::user_defined) {
      user_defined.push_back({e.token, e.id});
    }
  }
  out->user_defined = PrefixIndex(std::move(user_defined));
  return out;
}

}  // namespace

std::unique_ptr<Pipeline> load_sentencepiece_model(std::string_view bytes, std::string_view where) {
  Pieces pieces;
  Trainer trainer;
  Rules rules;
  ProtobufReader r(bytes, where);
  while (r.next()) {
    switch (r.field()) {
      case 1:
        read_piece(r.bytes(), pieces, where);
        break;
      case 2:
        trainer = read_trainer(r.bytes(), where);
        break;
      case 3:
        rules = read_rules(r.bytes(), where);
        break;
      case 5:
        if (!read_rules(r.bytes(), where).charsmap.empty()) {
          throw fail(ErrorCode::unsupported, "{}: rules of its own for decoding", where);
        }
        break;
      default:
        r.skip();
    }
  }
  if (pieces.entries.empty()) throw fail(ErrorCode::corrupt_data, "{}: no pieces", where);

  auto p = std::make_unique<Pipeline>();
  auto vocabulary = std::make_shared<const Vocabulary>(pieces.entries, where);
  p->vocabulary = vocabulary;
  p->normalizer = make_rules(rules, trainer, pieces, where);
  ScoredVocabulary scored{.tokens = vocabulary,
                          .scores = std::move(pieces.scores),
                          .types = std::move(pieces.types),
                          .byte_fallback = trainer.byte_fallback};
  const std::vector<PieceType> types = scored.types;
  std::array<int32_t, 256> byte_ids{};
  const int32_t unk = check_scored(scored, byte_ids, where);
  if (unk == kNoToken) throw fail(ErrorCode::corrupt_data, "{}: no unknown-token", where);
  if (trainer.model_type == kBpe) {
    p->model = std::make_unique<SentencePieceBpe>(std::move(scored), where);
  } else if (trainer.model_type == kUnigram) {
    p->model = std::make_unique<Unigram>(
        vocabulary, std::vector<double>(scored.scores.begin(), scored.scores.end()), types,
        Unigram::Options{
            .byte_fallback = trainer.byte_fallback, .unk = unk, .single_precision = true},
        where);
  } else {
    throw fail(ErrorCode::unsupported, "{}: a model of type {}, expected BPE (2) or unigram (1)",
               where, trainer.model_type);
  }
  p->decoder = sentencepiece_model_decoder(
      {.unk = std::string(vocabulary->token(unk)),
       .unk_surface = std::string(trainer.unk_surface),
       .strips_first = rules.add_dummy_prefix || rules.remove_extra_whitespaces,
       .strips_until_text = rules.remove_extra_whitespaces});

  std::vector<AddedToken> control;
  for (size_t id = 0; id < types.size(); ++id) {
    if (types[id] != PieceType::control) continue;
    control.push_back({.content = std::string(vocabulary->token(static_cast<int32_t>(id))),
                       .id = static_cast<int32_t>(id),
                       .special = true});
  }
  add_tokens(std::move(control), *p, where);
  const auto control_id = [&](std::string_view piece) -> std::optional<int32_t> {
    const int32_t id = vocabulary->find(piece);
    if (id == kNoToken || types[static_cast<size_t>(id)] != PieceType::control) return std::nullopt;
    return id;
  };
  p->unk = unk;
  p->bos = control_id(trainer.bos);
  p->eos = control_id(trainer.eos);
  p->pad = control_id(trainer.pad);
  if (p->eos) p->stops = {*p->eos};
  // The file does not say: decoders (Llama, Mistral, Gemma) begin with their first token, models
  // without one (T5) end with their last.
  if (p->bos) {
    p->before = {*p->bos};
  } else if (p->eos) {
    p->after = {*p->eos};
  }
  return p;
}

}  // namespace ominix::text
