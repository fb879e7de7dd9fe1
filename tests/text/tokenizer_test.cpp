#include <gtest/gtest.h>
#include <ominix/tokenizer.h>

#include <nlohmann/json.hpp>

#include "base/file.h"
#include "base/json.h"
#include "base/utf8.h"
#include "support/expect_error.h"
#include "support/temp_dir.h"
#include "text/gguf_vocab.h"

namespace ominix {
namespace {

const std::filesystem::path kStories = std::filesystem::path(OMINIX_TEST_DATA) / "data/stories260k";

// A byte-level BPE small enough to follow by hand: merges he, ll, hell, hello, Ġhello.
const char* kSmall = R"({
  "added_tokens": [
    {"id": 10, "content": "<|end|>", "special": true},
    {"id": 11, "content": "<tool>", "special": false}],
  "normalizer": null,
  "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true},
  "post_processor": null,
  "decoder": {"type": "ByteLevel"},
  "model": {"type": "BPE", "vocab": {"h": 0, "e": 1, "l": 2, "o": 3, "\u0120": 4, "he": 5, "ll": 6,
    "hell": 7, "hello": 8, "\u0120hello": 9, "\u00c3": 12, "\u00a9": 13},
    "merges": ["h e", "l l", "he ll", "hell o", "\u0120 hello"]}})";

std::shared_ptr<const Tokenizer> small(const std::string& json = kSmall) {
  const testing::TempDir dir;
  dir.write("tokenizer.json", json);
  return Tokenizer::load(dir.path());
}

using Ids = std::vector<int32_t>;

TEST(Tokenizer, ByteLevelBpe) {
  const auto t = small();
  EXPECT_EQ(t->encode("hello hello"), (Ids{8, 9}));
  EXPECT_EQ(t->encode("hel"), (Ids{5, 2}));
  EXPECT_EQ(t->encode("\u00e9"), (Ids{12, 13}));
  EXPECT_EQ(t->decode(Ids{8, 9, 12, 13}), "hello hello\u00e9");
  EXPECT_EQ(t->decode(Ids{8, 10, 8}), "hellohello");
  EXPECT_EQ(t->decode(Ids{8, 10, 8}, false), "hello<|end|>hello");
}

TEST(Tokenizer, SpecialTokensComeOnlyFromTrustedText) {
  const auto t = small();
  const Ids plain = t->encode("hello<|end|>");
  EXPECT_EQ(std::count(plain.begin(), plain.end(), 10), 0);
  EXPECT_EQ(t->encode("hello<|end|>", {.parse_special = true}), (Ids{8, 10}));
  EXPECT_EQ(t->encode("<tool>hello"), (Ids{11, 8}));  // added, but not special
  PromptText prompt{"hello<|end|>hello<|end|>", {{17, 24}}};
  const Ids ids = t->encode(prompt);
  EXPECT_EQ(std::count(ids.begin(), ids.end(), 10), 1);
  EXPECT_EQ(ids.back(), 10);
}

TEST(Detokenizer, NeverEmitsHalfACharacter) {
  const auto t = small();
  Detokenizer d(t);
  EXPECT_EQ(d.push(8), "hello");
  EXPECT_EQ(d.push(12), "");
  EXPECT_EQ(d.push(13), "\u00e9");
  EXPECT_EQ(d.push(12), "");
  EXPECT_EQ(d.finish(), "\uFFFD");
}

TEST(Tokenizer, StoriesVectors) {
  const auto t = Tokenizer::load(kStories / "hf");
  const Json cases = parse_json(read_text(kStories / "tokenizer_vectors.json"), "vectors");
  const Json& list = cases.is_array() ? cases : cases.at("cases");
  ASSERT_GT(list.size(), 20u);
  for (const Json& c : list) {
    const auto text = c.at("text").get<std::string>();
    const auto ids = c.at("ids").get<Ids>();
    EXPECT_EQ(t->encode(text), ids) << text;
    EXPECT_EQ(t->decode(ids), text);
  }
}

// A prefix "first" stands where the text begins, not where the normalizer cut something off.
TEST(Tokenizer, PrefixOfTheFirstPiece) {
  const auto t = small(R"({"normalizer": {"type": "Nmt"},
    "pre_tokenizer": {"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": "first"},
    "model": {"type": "WordLevel", "unk_token": "u", "vocab": {"u": 0, "a": 1, "\u2581a": 2}}})");
  EXPECT_EQ(t->encode("a"), Ids{2});
  EXPECT_EQ(t->encode("\x04"
                      "a"),
            Ids{1});
}

TEST(Tokenizer, BadFilesAreRefused) {
  const testing::TempDir empty;
  EXPECT_ERROR(Tokenizer::load(empty.path()), ErrorCode::not_found, "has no tokenizer.json");
  const std::string whole = kSmall;
  for (size_t size = 0; size < whole.size() - 1; size += 7) {
    EXPECT_ERROR(small(whole.substr(0, size)), ErrorCode::corrupt_data, "tokenizer.json");
  }
  const auto with = [&](std::string_view from, std::string_view to) {
    std::string json = whole;
    json.replace(json.find(from), from.size(), to);
    return json;
  };
  EXPECT_ERROR(small(with("\"h e\"", "\"h x\"")), ErrorCode::corrupt_data, "merge 0");
  EXPECT_ERROR(small(with("\"h\": 0", "\"h\": -1")), ErrorCode::corrupt_data, "out of range");
  EXPECT_ERROR(small(with("\"e\": 1", "\"e\": 0")), ErrorCode::corrupt_data, "tokenizer.json");
  EXPECT_ERROR(small(with("\"BPE\"", "\"Magic\"")), ErrorCode::unsupported, "type 'Magic'");
}

TEST(Tokenizer, LongRunsTakeLinearTimeAndNoStack) {
  const auto t = Tokenizer::load(kStories / "hf");
  for (const std::string unit : {"a", " ", "(", "\u4e2d", "\U0001F468\u200d"}) {
    std::string text;
    while (text.size() < 1u << 20) text += unit;
    EXPECT_FALSE(t->encode(text).empty());
  }
}

}  // namespace
}  // namespace ominix
