#include <algorithm>
#include <charconv>
#include <utility>

#include "base/error.h"
#include "text/base64.h"
#include "text/bpe.h"
#include "text/json_reader.h"
#include "text/load_files.h"
#include "text/load_json.h"

namespace ominix::text {
namespace {

using Tokens = std::vector<std::pair<std::string, int32_t>>;  // raw bytes, id; ids are ranks

std::unique_ptr<Pipeline> byte_pipeline(const Tokens& tokens,
                                        const std::vector<std::string_view>& patterns,
                                        std::string_view where) {
  auto p = std::make_unique<Pipeline>();
  std::vector<Vocabulary::Entry> entries;
  entries.reserve(tokens.size());
  for (const auto& [token, id] : tokens) entries.push_back({token, id});
  p->vocabulary = std::make_shared<const Vocabulary>(entries, where);
  p->byte_keys = true;
  for (const std::string_view pattern : patterns) {
    p->pre_tokenizer.steps.push_back(split_by(Pattern::regex(pattern), SplitBehavior::isolated));
  }
  p->pre_tokenizer.byte_level = true;
  p->model = std::make_unique<RankBpe>(p->vocabulary, where);
  p->decoder = byte_level_decoder();
  return p;
}

std::string bytes_of(std::string_view base64, size_t number, std::string_view where) {
  auto bytes = decode_base64(base64);
  if (!bytes) {
    throw fail(ErrorCode::corrupt_data, "{}: token {} is not base64", where, number);
  }
  return *std::move(bytes);
}

struct Tekken {
  std::string pattern;
  int64_t vocab_size = -1, special_count = -1;
  Tokens tokens;
  std::vector<AddedToken> special;
};

void read_config(JsonReader& r, Tekken& out) {
  r.object([&](std::string_view key) {
    if (key == "pattern")
      out.pattern = r.string();
    else if (key == "default_vocab_size")
      out.vocab_size = r.integer();
    else if (key == "default_num_special_tokens")
      out.special_count = r.integer();
    else
      r.skip();
  });
}

int32_t read_rank(JsonReader& r) {
  const int64_t rank = r.integer();
  if (rank < 0 || rank > INT32_MAX / 2) r.refuse("a rank is out of range");
  return static_cast<int32_t>(rank);
}

void read_vocab(JsonReader& r, Tekken& out, std::string_view where) {
  r.array([&] {
    int32_t rank = -1;
    std::string bytes;
    r.flat_object([&](std::string_view key) {
      if (key == "rank")
        rank = read_rank(r);
      else if (key == "token_bytes")
        bytes = bytes_of(r.string(), out.tokens.size(), where);
      else
        r.skip();
    });
    if (rank < 0 || bytes.empty()) r.refuse("a token needs a rank and its bytes");
    out.tokens.emplace_back(std::move(bytes), rank);
  });
}

void read_special(JsonReader& r, Tekken& out) {
  r.array([&] {
    AddedToken token{.special = true};
    r.object([&](std::string_view key) {
      if (key == "rank")
        token.id = read_rank(r);
      else if (key == "token_str")
        token.content = r.string();
      else if (key == "is_control")
        token.special = r.boolean();
      else
        r.skip();
    });
    if (token.id < 0 || token.content.empty()) r.refuse("a special token needs a rank and a text");
    out.special.push_back(std::move(token));
  });
}

Tekken read_tekken(std::string_view json, std::string_view where) {
  Tekken out;
  JsonReader r(json, where);
  r.object([&](std::string_view key) {
    if (key == "config")
      read_config(r, out);
    else if (key == "vocab")
      read_vocab(r, out, where);
    else if (key == "special_tokens" && r.peek() == JsonReader::Kind::array)
      read_special(r, out);
    else
      r.skip();
  });
  r.end();
  if (out.pattern.empty() || out.special_count < 0 || out.special_count > 65536 ||
      out.vocab_size <= out.special_count) {
    throw fail(ErrorCode::corrupt_data,
               "{}: 'config' needs a pattern, default_vocab_size and, below it, "
               "default_num_special_tokens",
               where);
  }
  return out;
}

// Files of before version 7 leave their special tokens to the reader (mistral-common's list).
std::vector<AddedToken> first_special_tokens() {
  std::vector<AddedToken> out;
  for (const char* token : {"<unk>",
                            "<s>",
                            "</s>",
                            "[INST]",
                            "[/INST]",
                            "[AVAILABLE_TOOLS]",
                            "[/AVAILABLE_TOOLS]",
                            "[TOOL_RESULTS]",
                            "[/TOOL_RESULTS]",
                            "[TOOL_CALLS]",
                            "[IMG]",
                            "<pad>",
                            "[IMG_BREAK]",
                            "[IMG_END]",
                            "[PREFIX]",
                            "[MIDDLE]",
                            "[SUFFIX]",
                            "[SYSTEM_PROMPT]",
                            "[/SYSTEM_PROMPT]",
                            "[TOOL_CONTENT]"}) {
    out.push_back({.content = token, .id = static_cast<int32_t>(out.size()), .special = true});
  }
  return out;
}

}  // namespace

void PatternEvidence::see(std::string_view token) {
  affixes_ |= token.ends_with("</w>") && token.size() > 4;
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  const auto is_mark = [&](char c) {
    return c > ' ' && c < 0x7F && !is_digit(c) && !((c | 32) >= 'a' && (c | 32) <= 'z');
  };
  if (token.size() > 1 && token.back() == '\n' && is_mark(token[0])) lines_ = true;
  if (token.starts_with(' ')) token.remove_prefix(1);
  for (const char c : token) {
    if (!is_digit(c)) return;
  }
  digits_ = std::max(digits_, token.size());
}

std::vector<std::string_view> PatternEvidence::patterns(std::string_view where) const {
  if (affixes_) {
    throw fail(ErrorCode::unsupported, "{}: tokens that end in '</w>'; load its tokenizer.json",
               where);
  }
  if (lines_) return {digits_ <= 1 ? kQwen2Pattern : kLlama3Pattern};
  if (digits_ <= 1) return {R"(\p{N})", kGpt2Pattern};
  return {kGpt2Pattern};
}

std::unique_ptr<Pipeline> load_tiktoken(std::string_view text, std::string_view where) {
  Tokens tokens;
  PatternEvidence evidence;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.empty()) continue;
    const size_t space = line.find(' ');
    const std::string_view digits = line.substr(std::min(space, line.size() - 1) + 1);
    int32_t rank = -1;
    const auto [last, error] = std::from_chars(digits.data(), digits.data() + digits.size(), rank);
    if (space == line.npos || error != std::errc() || last != digits.data() + digits.size() ||
        rank < 0) {
      throw fail(ErrorCode::corrupt_data,
                 "{}: line {} is not a token in base64, a space and its rank", where,
                 tokens.size() + 1);
    }
    std::string bytes = bytes_of(line.substr(0, space), tokens.size(), where);
    if (bytes.empty()) continue;  // Whisper's multilingual file ends with one
    evidence.see(bytes);
    tokens.emplace_back(std::move(bytes), rank);
  }
  if (tokens.empty()) throw fail(ErrorCode::corrupt_data, "{}: no tokens", where);
  return byte_pipeline(tokens, evidence.patterns(where), where);
}

std::unique_ptr<Pipeline> load_tekken(std::string_view json, std::string_view where) {
  Tekken file = read_tekken(json, where);
  const auto offset = static_cast<int32_t>(file.special_count);
  // The file may hold more tokens than the model has.
  std::erase_if(file.tokens,
                [&](const auto& t) { return t.second >= file.vocab_size - file.special_count; });
  for (auto& [token, id] : file.tokens) id += offset;
  auto p = byte_pipeline(file.tokens, {file.pattern}, where);

  if (file.special.empty()) file.special = first_special_tokens();
  std::erase_if(file.special, [&](const AddedToken& t) { return t.id >= offset; });
  std::vector<bool> named(static_cast<size_t>(offset));
  for (const AddedToken& t : file.special) named[static_cast<size_t>(t.id)] = true;
  for (int32_t id = 0; id < offset; ++id) {
    if (named[static_cast<size_t>(id)]) continue;
    file.special.push_back({.content = fmt::format("<SPECIAL_{}>", id), .id = id, .special = true});
  }
  add_tokens(std::move(file.special), *p, where);
  for (const auto& [content, place] : {std::pair{"<s>", &p->bos}, std::pair{"</s>", &p->eos},
                                       std::pair{"<pad>", &p->pad}, std::pair{"<unk>", &p->unk}}) {
    if (const AddedToken* token = p->added.find(content)) *place = token->id;
  }
  if (p->bos) p->before = {*p->bos};
  if (p->eos) p->stops = {*p->eos};
  return p;
}

}  // namespace ominix::text
