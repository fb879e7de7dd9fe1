#include <gtest/gtest.h>
#include <ominix/tokenizer.h>

#include <nlohmann/json.hpp>

#include "base/file.h"
#include "base/json.h"
#include "base/utf8.h"
#include "support/expect_error.h"
#include "support/temp_dir.h"
#include "text/load_json.h"
#include "text/support.h"

namespace ominix {
namespace {

using Ids = std::vector<int32_t>;

const std::filesystem::path kReferences =
    std::filesystem::path(OMINIX_TEST_DATA) / "text/data/references";

std::string bytes_of(const std::string& name) { return read_text(kReferences / name); }

std::string streamed(const std::shared_ptr<const Tokenizer>& t, const Ids& ids) {
  Detokenizer d(t, false);
  std::string out;
  for (const int32_t id : ids) out += d.push(id);
  return out + d.finish();
}

// What tools/text_references.py wrote: the ids of the reference library, and where it differs from
// the text what it decodes them to.
void expect_vectors(const std::shared_ptr<const Tokenizer>& t, const std::string& vectors,
                    EncodeOptions options = {.add_special = false}) {
  const Json cases = parse_json(bytes_of(vectors), vectors);
  ASSERT_FALSE(cases.empty());
  for (const Json& c : cases) {
    const auto text = c.at("text").get<std::string>();
    const auto ids = c.at("ids").get<Ids>();
    EXPECT_EQ(t->encode(text, options), ids) << text;
    EXPECT_EQ(streamed(t, ids), t->decode(ids, false)) << text;
    if (c.contains("decoded")) {
      EXPECT_EQ(t->decode(ids, false), c.at("decoded").get<std::string>()) << text;
    }
  }
}

TEST(TokenizerFormats, VocabAndMerges) {
  const auto t = Tokenizer::load(kReferences / "qwen");
  expect_vectors(t, "qwen.json");
  expect_vectors(t, "qwen-special.json", {.parse_special = true});
  EXPECT_EQ(t->encode("<|im_end|>").size(), 6U);
  EXPECT_EQ(t->id("<|im_end|>"), 151645);
  EXPECT_EQ(t->vocab_size(), 151669U);
}

TEST(TokenizerFormats, Tiktoken) {
  expect_vectors(Tokenizer::load(kReferences / "multilingual.tiktoken"),
                 "whisper-multilingual.json");
}

TEST(TokenizerFormats, TiktokenIsFoundAloneInItsFolder) {
  const testing::TempDir dir;
  dir.write("a.tiktoken", bytes_of("multilingual.tiktoken"));
  dir.write("tokenizer_config.json",
            R"({"eos_token": "<|e|>", "added_tokens_decoder": {"60000": {"content": "<|e|>",
                "special": true}, "60001": {"content": "<t>", "special": false}}})");
  const auto t = Tokenizer::load(dir.path());
  EXPECT_EQ(t->eos(), 60000);
  EXPECT_EQ(t->encode("<t>"), Ids{60001});
  EXPECT_EQ(t->encode("<|e|>", {.parse_special = true}), Ids{60000});
  dir.write("b.tiktoken", "IQ== 0\n");
  EXPECT_ERROR(Tokenizer::load(dir.path()), ErrorCode::invalid_argument, "name one");
}

TEST(TokenizerFormats, Tekken) {
  const auto t = Tokenizer::load(kReferences / "tekken.json");
  expect_vectors(t, "tekken-vectors.json");
  EXPECT_EQ(t->bos(), 1);
  EXPECT_EQ(t->eos(), 2);
  EXPECT_EQ(t->id("[INST]"), 3);
  EXPECT_EQ(t->token(999), "<SPECIAL_999>");
  EXPECT_EQ(t->encode("a").front(), 1);
  EXPECT_EQ(t->encode("[INST]a[/INST]", {.parse_special = true}).size(), 4U);
}

TEST(TokenizerFormats, SentencePiece) {
  for (const std::string kind : {"unigram", "unigram-bytes", "bpe", "bpe-bytes", "bpe-suffix"}) {
    SCOPED_TRACE(kind);
    expect_vectors(Tokenizer::load(kReferences / (kind + ".model")), kind + "-vectors.json");
  }
}

// Each normalizer, pre-tokenizer, model and decoder of a tokenizer.json, as the tokenizers package
// works them (tools/text_differences.py sample).
TEST(TokenizerFormats, EveryKindOfTokenizerJson) {
  const Json kinds = parse_json(bytes_of("kinds.json"), "kinds.json");
  ASSERT_GT(kinds.size(), 30U);
  for (const Json& kind : kinds) {
    SCOPED_TRACE(kind.at("name"));
    const auto t = std::make_shared<const Tokenizer>(
        text::load_tokenizer_json(kind.at("tokenizer").dump(), "tokenizer.json"));
    const EncodeOptions options{.add_special = false, .parse_special = kind.at("special")};
    for (const Json& row : kind.at("texts")) {
      const auto text = row.at(0).get<std::string>();
      const auto ids = row.at(1).get<Ids>();
      EXPECT_EQ(t->encode(text, options), ids) << text;
      EXPECT_EQ(t->decode(ids, false), row.at(2).get<std::string>()) << text;
      EXPECT_TRUE(utf8::is_valid(streamed(t, ids)));
    }
  }
}

TEST(TokenizerFormats, SentencePieceTokensAroundATextAndInside) {
  const auto begins = Tokenizer::load(kReferences / "bpe-bytes.model");
  EXPECT_EQ(begins->encode("a").front(), *begins->bos());
  const auto ends = Tokenizer::load(kReferences / "bpe.model");
  EXPECT_FALSE(ends->bos());
  EXPECT_EQ(ends->encode("a").back(), *ends->eos());
  const int32_t inst = *begins->id("[INST]");
  const Ids ids = begins->encode("[INST]a", {.add_special = false, .parse_special = true});
  EXPECT_EQ(ids.front(), inst);
  const Ids user = begins->encode("[INST]a");
  EXPECT_EQ(std::count(user.begin(), user.end(), inst), 0);
  // A user-defined piece is part of the vocabulary: text finds it.
  EXPECT_EQ(begins->encode("<|tool|>", {.add_special = false}), Ids{*begins->id("<|tool|>")});
}

TEST(TokenizerFormats, SettingsBesideTheFile) {
  const testing::TempDir dir;
  dir.write("tokenizer.model", bytes_of("bpe-bytes.model"));
  dir.write("tokenizer_config.json", R"({"add_bos_token": false, "add_eos_token": true})");
  const auto t = Tokenizer::load(dir.path());
  EXPECT_NE(t->encode("a").front(), *t->bos());
  EXPECT_EQ(t->encode("a").back(), *t->eos());
}

// Nothing but an Error of one line may come of a damaged file, and what loads must encode.
void expect_survival(const std::string& name, const std::string& whole) {
  const testing::TempDir dir;
  uint64_t seed = 7;
  const auto random = [&](size_t n) {
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return static_cast<size_t>(seed >> 33) % n;
  };
  size_t refused = 0;
  constexpr size_t kCases = 150;
  for (size_t i = 0; i < kCases; ++i) {
    std::string bytes = whole;
    if (i % 3 == 0) bytes.resize(random(bytes.size()));
    for (size_t k = 0; i % 3 != 0 && k < 1 + i % 7; ++k) {
      // Half of the changes near the end, where the small but heavy fields are.
      const size_t at = k % 2 ? bytes.size() - 1 - random(std::min<size_t>(400, bytes.size()))
                              : random(bytes.size());
      bytes[at] = static_cast<char>(random(256));
    }
    dir.write(name, bytes);
    try {
      const auto t = Tokenizer::load(dir / name);
      const Ids ids = t->encode("a \u00e9\u4e2d <0x41>[INST]\n2000", {.parse_special = true});
      t->decode(ids, false);
    } catch (const Error& e) {
      ++refused;
      EXPECT_EQ(std::string_view(e.what()).find('\n'), std::string_view::npos) << e.what();
      EXPECT_NE(e.code(), ErrorCode::internal) << e.what();
    }
  }
  EXPECT_GT(refused, kCases / 10);
}

TEST(TokenizerFormats, DamagedFiles) {
  expect_survival("tokenizer.model", bytes_of("bpe-bytes.model"));
  expect_survival("spiece.model", bytes_of("unigram.model"));
  expect_survival("a.tiktoken", bytes_of("multilingual.tiktoken"));
  expect_survival("tekken.json", bytes_of("tekken.json"));
}

// Found by the fuzzer: a token with a line break in it.
TEST(TokenizerFormats, ErrorsAreOneLine) {
  const testing::TempDir dir;
  const auto one_line = [&](const char* name, const std::string& bytes) {
    dir.write(name, bytes);
    try {
      Tokenizer::load(dir / name);
      ADD_FAILURE() << "no error";
    } catch (const Error& e) {
      EXPECT_EQ(std::string_view(e.what()).find('\n'), std::string_view::npos) << e.what();
    }
  };
  const auto piece = [](const std::string& text, char type) {
    const std::string inside = "\n" + std::string(1, static_cast<char>(text.size())) + text +
                               "\x18" + std::string(1, type);
    return "\n" + std::string(1, static_cast<char>(inside.size())) + inside;
  };
  one_line("tokenizer.model", piece("<unk>", 2) + piece("<0\n>", 6));
  for (
      const char* json :
      {R"({"model": {"type": "a\nb", "vocab": {}}})",
       R"({"a\nb": 1, "model": {"type": "BPE", "vocab": {},
        "unk_token": "a\nb"}})",
       R"({"normalizer": {"type": "a\nb"}, "model": {"vocab": {}}})",
       R"({"normalizer": {"a\nb": 1, "a\nb": 2}, "model": {"vocab": {}}})",
       R"({"pre_tokenizer": {"type": "Split", "pattern": {"Regex": "\\p{a\nb}"}, "behavior": "a\nb",
        "invert": false}, "model": {"vocab": {}}})"}) {
    one_line("tokenizer.json", json);
  }
}

TEST(TokenizerFormats, RefusesWithAReason) {
  const testing::TempDir dir;
  const auto refused = [&](const char* name, const std::string& bytes, ErrorCode code,
                           const char* text) {
    dir.write(name, bytes);
    EXPECT_ERROR(Tokenizer::load(dir / name), code, text);
  };
  refused("a.tiktoken", "", ErrorCode::corrupt_data, "no tokens");
  refused("a.tiktoken", "IQ==\n", ErrorCode::corrupt_data, "line 1");
  refused("a.tiktoken", "IQ== x\n", ErrorCode::corrupt_data, "line 1");
  refused("a.tiktoken", "IQ== -1\n", ErrorCode::corrupt_data, "line 1");
  refused("a.tiktoken", "I?== 0\n", ErrorCode::corrupt_data, "base64");
  refused("a.tiktoken", "IQ== 0\n", ErrorCode::corrupt_data, "one for each");
  refused("a.tiktoken", "IQ== 2000000000\n", ErrorCode::too_big, "2000000000");
  refused("tokenizer.model", std::string("\n\x7f", 2), ErrorCode::corrupt_data, "past the end");
  refused("tokenizer.model", std::string("\n\0", 2), ErrorCode::corrupt_data, "empty");
  refused("tokenizer.model", "\n\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
          ErrorCode::corrupt_data, "ten bytes");
  refused("tokenizer.model",
          "\n\x03\n\x01"
          "a",
          ErrorCode::corrupt_data, "no unknown-token");
  refused("tekken.json", "{}", ErrorCode::corrupt_data, "pattern");
  refused("tekken.json", R"({"config": {"pattern": "a", "default_vocab_size": 10,
          "default_num_special_tokens": 4000000000}})",
          ErrorCode::corrupt_data, "default_num_special_tokens");
  refused("vocab.json", "{}", ErrorCode::not_found, "merges.txt");
  dir.write("merges.txt", "a b c\n");
  refused("vocab.json", R"({"a": 0}, "merges": [])", ErrorCode::corrupt_data, "after the value");
  refused("vocab.json", R"({"a": 0, "b": 1})", ErrorCode::corrupt_data, "merge 0");
  refused("vocab.json", R"({"a</w>": 0, "ab</w>": 1})", ErrorCode::unsupported, "</w>");
  dir.write("merges.txt", "#version: 0.2\na b\n");
  dir.write("added_tokens.json", R"({"x": 5, "set": {"y": 5}})");
  refused("vocab.json", R"({"a": 0, "b": 1, "ab": 2})", ErrorCode::corrupt_data, "id 5 is both");
  dir.write("added_tokens.json", R"({"x": 2000000000})");
  refused("vocab.json", R"({"a": 0, "b": 1, "ab": 2})", ErrorCode::too_big, "2000000000");
  refused("m.gguf", "GGUF", ErrorCode::unsupported, "load_tokenizer");
}

}  // namespace
}  // namespace ominix
