#include "text/load_json.h"

#include <nlohmann/json.hpp>
#include <unordered_set>
#include <utility>

#include "base/error.h"
#include "text/bpe.h"
#include "text/byte_alphabet.h"
#include "text/config_reader.h"
#include "text/json_reader.h"
#include "text/load_merges.h"
#include "text/shown.h"
#include "text/unigram.h"
#include "text/word_piece.h"

namespace ominix::text {
namespace {

// The parts of a tokenizer.json. The large ones stay text until the model is known.
struct Parts {
  Json normalizer, pre_tokenizer, post_processor, decoder, model;
  std::string_view vocab, merges;
  std::vector<AddedToken> added;
};

std::vector<AddedToken> read_added(JsonReader& r) {
  std::vector<AddedToken> out;
  r.array([&] {
    AddedToken t;
    r.object([&](std::string_view key) {
      if (key == "content")
        t.content = r.string();
      else if (key == "id") {
        const int64_t id = r.integer();
        if (id < 0 || id > INT32_MAX) r.refuse("an added token's id is out of range");
        t.id = static_cast<int32_t>(id);
      } else if (key == "single_word")
        t.single_word = r.boolean();
      else if (key == "lstrip")
        t.lstrip = r.boolean();
      else if (key == "rstrip")
        t.rstrip = r.boolean();
      else if (key == "normalized")
        t.normalized = r.boolean();
      else if (key == "special")
        t.special = r.boolean();
      else
        r.skip();
    });
    if (t.id < 0 || t.content.empty()) r.refuse("an added token needs an id and a content");
    out.push_back(std::move(t));
  });
  return out;
}

Parts read_parts(std::string_view json, std::string_view where) {
  Parts parts;
  JsonReader r(json, where);
  const auto value = [&] { return parse_json(r.skip(), where); };
  r.object([&](std::string_view key) {
    if (key == "normalizer")
      parts.normalizer = value();
    else if (key == "pre_tokenizer")
      parts.pre_tokenizer = value();
    else if (key == "post_processor")
      parts.post_processor = value();
    else if (key == "decoder")
      parts.decoder = value();
    else if (key == "added_tokens" && r.peek() == JsonReader::Kind::array)
      parts.added = read_added(r);
    else if (key == "model") {
      parts.model = Json::object();
      r.object([&](std::string_view name) {
        if (name == "vocab")
          parts.vocab = r.skip();
        else if (name == "merges")
          parts.merges = r.skip();
        else
          parts.model[std::string(name)] = value();
      });
    } else
      r.skip();
  });
  r.end();
  if (!parts.model.is_object() || parts.vocab.empty()) {
    throw fail(ErrorCode::corrupt_data, "{}: no 'model' with a 'vocab'", where);
  }
  return parts;
}

// {"token": id, …}
std::shared_ptr<const Vocabulary> read_vocab(std::string_view json, bool byte_keys,
                                             std::string_view where) {
  std::vector<std::pair<std::string, int32_t>> tokens;
  JsonReader r = JsonReader::of_value(json, where);
  r.flat_object([&](std::string_view key) {
    std::string token = byte_keys ? byte_key(key) : std::string(key);
    const int64_t id = r.integer();
    if (id < 0 || id > INT32_MAX) r.refuse("a token's id is out of range");
    tokens.emplace_back(std::move(token), static_cast<int32_t>(id));
  });
  std::vector<Vocabulary::Entry> entries;
  entries.reserve(tokens.size());
  for (const auto& [token, id] : tokens) entries.push_back({token, id});
  return std::make_shared<const Vocabulary>(entries, where);
}

// [["token", score], …]: ids are places.
std::shared_ptr<const Vocabulary> read_scored(std::string_view json, std::vector<double>& scores,
                                              std::string_view where) {
  std::vector<std::string> tokens;
  JsonReader r = JsonReader::of_value(json, where);
  r.array([&] {
    int n = 0;
    r.array([&] {
      if (n == 0)
        tokens.emplace_back(r.string());
      else if (n == 1)
        scores.push_back(r.number());
      else
        r.refuse("a token with more than a text and a score");
      ++n;
    });
    if (n != 2) r.refuse("a token without a text and a score");
  });
  std::vector<Vocabulary::Entry> entries;
  entries.reserve(tokens.size());
  for (size_t id = 0; id < tokens.size(); ++id)
    entries.push_back({tokens[id], static_cast<int32_t>(id)});
  return std::make_shared<const Vocabulary>(entries, where);
}

std::string model_type(const Parts& parts) {
  const auto type = parts.model.find("type");
  if (type != parts.model.end() && type->is_string()) return type->get<std::string>();
  // Old files do not say: merges make it BPE, a list of scores unigram.
  if (!parts.merges.empty()) return "BPE";
  return parts.vocab.starts_with('[') ? "Unigram" : "WordPiece";
}

// Tokens with an affix ("a</w>") are found by their written form, all others of BPE as raw bytes.
bool works_on_bytes(const Parts& parts) {
  if (model_type(parts) != "BPE") return false;
  for (const char* key : {"continuing_subword_prefix", "end_of_word_suffix"}) {
    const auto affix = parts.model.find(key);
    if (affix != parts.model.end() && affix->is_string() && *affix != "") return false;
  }
  return true;
}

void load_model(const Parts& parts, Pipeline& p, std::string_view where) {
  const ConfigReader c(parts.model, where);
  const std::string type = model_type(parts);
  if (type == "BPE") {
    p.byte_keys = p.pre_tokenizer.byte_level;
    p.vocabulary = read_vocab(parts.vocab, p.byte_keys, where);
    Bpe::Options options{.byte_level = p.byte_keys,
                         .byte_fallback = c.optional("byte_fallback", false),
                         .fuse_unk = c.optional("fuse_unk", false),
                         .ignore_merges = c.optional("ignore_merges", false)};
    if (c.find("unk_token")) options.unk_token = c.require<std::string>("unk_token");
    options.continuing_subword_prefix = c.optional("continuing_subword_prefix", std::string());
    options.end_of_word_suffix = c.optional("end_of_word_suffix", std::string());
    MergeTable merges = parts.merges.empty()
                            ? MergeTable()
                            : read_merges(parts.merges, *p.vocabulary, p.byte_keys,
                                          options.continuing_subword_prefix, where);
    p.model = std::make_unique<Bpe>(p.vocabulary, std::move(merges), std::move(options), where);
  } else if (type == "Unigram") {
    std::vector<double> scores;
    p.vocabulary = read_scored(parts.vocab, scores, where);
    const auto unk = c.optional<int64_t>("unk_id", kNoToken);
    if (unk < kNoToken || unk >= static_cast<int64_t>(p.vocabulary->size())) {
      throw fail(ErrorCode::corrupt_data, "{}: 'unk_id' is {}, outside the vocabulary", where, unk);
    }
    p.model = std::make_unique<Unigram>(
        p.vocabulary, std::move(scores), std::vector<PieceType>(),
        Unigram::Options{.byte_fallback = c.optional("byte_fallback", false),
                         .unk = static_cast<int32_t>(unk)},
        where);
  } else if (type == "WordPiece") {
    p.vocabulary = read_vocab(parts.vocab, false, where);
    WordPiece::Options options;
    options.unk_token = c.optional("unk_token", options.unk_token);
    options.continuing_subword_prefix =
        c.optional("continuing_subword_prefix", options.continuing_subword_prefix);
    const auto most = c.optional<int64_t>("max_input_chars_per_word", 100);
    options.max_input_chars_per_word = most > 0 ? static_cast<size_t>(most) : 100;
    p.model = std::make_unique<WordPiece>(p.vocabulary, std::move(options), where);
  } else if (type == "WordLevel") {
    p.vocabulary = read_vocab(parts.vocab, false, where);
    p.model =
        std::make_unique<WordLevel>(p.vocabulary, c.optional("unk_token", std::string("<unk>")));
  } else {
    throw fail(ErrorCode::unsupported,
               "{}: a model of type '{}', expected BPE, Unigram, WordPiece or WordLevel", where,
               shown(type));
  }
}

int32_t id_of(const Pipeline& p, const std::string& token, std::string_view where) {
  if (const AddedToken* a = p.added.find(token)) return a->id;
  const int32_t id = p.vocabulary->find(p.byte_keys ? byte_key(token) : token);
  if (id == kNoToken) {
    throw fail(ErrorCode::corrupt_data, "{}: the post-processor's token '{}' is not there", where,
               shown(token));
  }
  return id;
}

// What the post-processor puts before and after a single text.
void load_post_processor(const Json& config, Pipeline& p, std::string_view where, int depth = 0) {
  if (config.is_null()) return;
  const ConfigReader c(config, where);
  const std::string type = c.type();
  if (type == "Sequence" && depth < 4) {
    const Json* steps = c.find("processors");
    if (!steps || !steps->is_array())
      throw fail(ErrorCode::corrupt_data, "{}: no 'processors'", where);
    for (const Json& step : *steps) load_post_processor(step, p, where, depth + 1);
  } else if (type == "TemplateProcessing") {
    const Json* single = c.find("single");
    if (!single || !single->is_array())
      throw fail(ErrorCode::corrupt_data, "{}: no 'single' template", where);
    bool behind = false;
    for (const Json& item : *single) {
      const ConfigReader piece(item, where);
      if (piece.find("Sequence")) {
        behind = true;
        continue;
      }
      const Json* special = piece.find("SpecialToken");
      if (!special)
        throw fail(ErrorCode::corrupt_data, "{}: a template item that is no token", where);
      const std::string name = ConfigReader(*special, where).require<std::string>("id");
      (behind ? p.after : p.before).push_back(id_of(p, name, where));
    }
  } else if (type == "BertProcessing" || type == "RobertaProcessing") {
    for (const auto& [key, list] : {std::pair{"cls", &p.before}, std::pair{"sep", &p.after}}) {
      const Json* pair = c.find(key);
      if (!pair || !pair->is_array() || pair->empty() || !(*pair)[0].is_string()) {
        throw fail(ErrorCode::corrupt_data, "{}: no '{}'", where, key);
      }
      list->push_back(id_of(p, (*pair)[0].get<std::string>(), where));
    }
  } else if (type != "ByteLevel") {
    throw fail(ErrorCode::unsupported, "{}: a post-processor of type '{}'", where, shown(type));
  }
}

// "<s>", or {"content": "<s>", …}
std::optional<int32_t> named_token(const Json& config, const char* key, const Pipeline& p) {
  const auto found = config.find(key);
  if (found == config.end()) return std::nullopt;
  const Json* text = &*found;
  if (text->is_object()) {
    const auto content = text->find("content");
    if (content == text->end()) return std::nullopt;
    text = &*content;
  }
  if (!text->is_string()) return std::nullopt;
  const auto token = text->get<std::string>();
  if (const AddedToken* a = p.added.find(token)) return a->id;
  const int32_t id = p.vocabulary->find(p.byte_keys ? byte_key(token) : token);
  return id == kNoToken ? std::nullopt : std::optional(id);
}

}  // namespace

std::unique_ptr<Pipeline> load_tokenizer_json(std::string_view json, std::string_view where) {
  Parts parts = read_parts(json, where);
  auto p = std::make_unique<Pipeline>();
  p->normalizer = make_normalizer(parts.normalizer, where);
  p->pre_tokenizer = make_pre_tokenizer(parts.pre_tokenizer, works_on_bytes(parts), where);
  p->decoder = make_decoder(parts.decoder, where);
  load_model(parts, *p, where);
  add_tokens(std::move(parts.added), *p, where);
  load_post_processor(parts.post_processor, *p, where);
  return p;
}

void add_tokens(std::vector<AddedToken> tokens, Pipeline& p, std::string_view where) {
  std::vector<AddedToken> all;
  std::unordered_set<int32_t> ids;
  std::unordered_set<std::string_view> contents;
  for (const AddedToken& t : tokens) {
    ids.insert(t.id);
    contents.insert(t.content);
  }
  for (const AddedToken& t : p.added.all()) {
    if (!ids.contains(t.id) && !contents.contains(t.content)) all.push_back(t);
  }
  all.insert(all.end(), tokens.begin(), tokens.end());
  const size_t most = (p.vocabulary->size() + all.size()) * 8 + (1u << 18);
  std::vector<std::string> normalized;
  normalized.reserve(all.size());
  for (const AddedToken& t : all) {
    if (static_cast<size_t>(t.id) > most) {
      throw fail(ErrorCode::too_big, "{}: an added token has the id {} beside {} tokens", where,
                 t.id, p.vocabulary->size());
    }
    normalized.push_back(t.normalized && p.normalizer ? p.normalizer->apply(t.content) : t.content);
  }
  p.added = AddedTokens(std::move(all), normalized, where);
}

void apply_token_names(const Json& config, Pipeline& p) {
  if (!config.is_object()) return;
  for (const auto& [key, place] :
       {std::pair{"bos_token", &p.bos}, std::pair{"eos_token", &p.eos},
        std::pair{"pad_token", &p.pad}, std::pair{"unk_token", &p.unk}}) {
    if (const auto id = named_token(config, key, p)) *place = id;
  }
  if (p.eos) p.stops = {*p.eos};
}

void apply_token_settings(const Json& config, Pipeline& p) {
  if (!config.is_object()) return;
  const auto apply = [&](const char* key, std::optional<int32_t> token,
                         std::vector<int32_t>& list) {
    const auto found = config.find(key);
    if (found == config.end() || !found->is_boolean()) return;
    list.clear();
    if (found->get<bool>() && token) list.push_back(*token);
  };
  apply("add_bos_token", p.bos, p.before);
  apply("add_eos_token", p.eos, p.after);
}

}  // namespace ominix::text
