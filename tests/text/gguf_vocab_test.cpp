#include "text/gguf_vocab.h"

#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "base/file.h"
#include "support/expect_error.h"
#include "text/support.h"

namespace ominix {
namespace {

using testing::load_gguf_file;
using testing::small_vocab;
using testing::test_file;

// llama.cpp's vector files: texts between separator lines, ids a line.
void expect_vectors(const std::string& name) {
  const auto tokenizer = load_gguf_file(test_file("text/data/" + name));
  const std::string texts = read_text(test_file("text/data/" + name + ".inp"));
  std::ifstream lines(test_file("text/data/" + name + ".out"));
  const std::string separator = "\n__ggml_vocab_test__\n";
  size_t count = 0;
  for (size_t at = 0; at < texts.size(); ++count) {
    const size_t end = std::min(texts.find(separator, at), texts.size());
    const std::string text = texts.substr(at, end - at);
    std::string line;
    ASSERT_TRUE(std::getline(lines, line));
    std::istringstream in(line);
    std::vector<int32_t> expected;
    for (int32_t id; in >> id;) expected.push_back(id);
    EXPECT_EQ(tokenizer->encode(text, {.add_special = false}), expected) << "text: " << text;
    at = end + separator.size();
  }
  EXPECT_GT(count, 40u);
}

TEST(GgufVocab, Gpt2Vectors) { expect_vectors("ggml-vocab-gpt-2.gguf"); }
TEST(GgufVocab, SentencePieceVectors) { expect_vectors("ggml-vocab-llama-spm.gguf"); }
TEST(GgufVocab, BertVectors) { expect_vectors("ggml-vocab-bert-bge.gguf"); }

TEST(GgufVocab, Stories260kVectors) {
  const auto tokenizer = load_gguf_file(test_file("data/stories260k/stories260K-f32.gguf"));
  const auto vectors =
      nlohmann::json::parse(read_text(test_file("data/stories260k/tokenizer_vectors.json")));
  ASSERT_GT(vectors.size(), 10u);
  for (const auto& v : vectors) {
    const auto text = v["text"].get<std::string>();
    const auto ids = v["ids"].get<std::vector<int32_t>>();
    EXPECT_EQ(tokenizer->encode(text), ids) << text;
    EXPECT_EQ(tokenizer->decode(ids), text);
  }
}

TEST(GgufVocab, ControlTokensComeOnlyWhenAskedFor) {
  const auto t = text::load_gguf(small_vocab());
  EXPECT_EQ(t->encode("hello<|end|>", {.parse_special = true}), (std::vector<int32_t>{259, 260}));
  const auto plain = t->encode("hello<|end|>");
  EXPECT_EQ(std::count(plain.begin(), plain.end(), 260), 0);
  EXPECT_EQ(t->decode(plain), "hello<|end|>");
  EXPECT_EQ(t->encode("<tool>"), std::vector<int32_t>{261});
  EXPECT_EQ(t->stops(), std::vector<int32_t>{260});
  EXPECT_EQ(t->id("<|end|>"), 260);
  EXPECT_EQ(t->token(259), "hello");
}

TEST(GgufVocab, RefusesWhatContradictsItself) {
  const auto refused = [](auto change, ErrorCode code, const char* text) {
    auto v = small_vocab();
    change(v);
    EXPECT_ERROR(text::load_gguf(v), code, text);
  };
  using V = text::GgufVocab;
  refused([](V& v) { v.tokens.clear(); }, ErrorCode::corrupt_data, "no tokens");
  refused([](V& v) { v.token_types.pop_back(); }, ErrorCode::corrupt_data, "types");
  refused([](V& v) { v.token_types[3] = 9; }, ErrorCode::corrupt_data, "of type 9");
  refused([](V& v) { v.eos = 4000; }, ErrorCode::corrupt_data, "4000");
  refused([](V& v) { v.eos = -1; }, ErrorCode::corrupt_data, "-1");
  refused([](V& v) { v.merges.push_back("hello"); }, ErrorCode::corrupt_data,
          "expected two tokens");
  refused([](V& v) { v.merges.push_back(""); }, ErrorCode::corrupt_data, "expected two tokens");
  refused([](V& v) { v.merges.push_back("x y"); }, ErrorCode::corrupt_data, "not all there");
  refused([](V& v) { v.tokens[5] = "\xFF\xFE"; }, ErrorCode::corrupt_data, "not UTF-8");
  refused([](V& v) { v.tokens[256] = "ll"; }, ErrorCode::corrupt_data, "same token");
  refused([](V& v) { v.pre = "no such"; }, ErrorCode::unsupported, "no such");
  refused([](V& v) { v.model = "rwkv"; }, ErrorCode::unsupported, "rwkv");
  refused([](V& v) { v.tokens[260] = std::string(5000, '<'); }, ErrorCode::too_big, "5000 bytes");
  refused([](V& v) { v.model = "llama"; }, ErrorCode::corrupt_data, "no scores");
}

TEST(GgufVocab, RefusesBadSentencePieces) {
  text::GgufVocab v{.model = "llama",
                    .tokens = {"<unk>", "a", "<0xZZ>"},
                    .scores = {0, -1, 0},
                    .token_types = {2, 1, 6}};
  EXPECT_ERROR(text::load_gguf(v), ErrorCode::corrupt_data, "<0xZZ>");
  v.tokens[2] = "<0x41>";
  EXPECT_ERROR(text::load_gguf(v), ErrorCode::corrupt_data, "all 256");
  v.token_types[2] = 1;
  v.scores[1] = std::nanf("");
  EXPECT_ERROR(text::load_gguf(v), ErrorCode::corrupt_data, "not a number");
}

}  // namespace
}  // namespace ominix
