#include <ominix/tokenizer.h>

#include <gtest/gtest.h>

#include <thread>

#include "base/utf8.h"
#include "text/support.h"

namespace ominix {
namespace {

using testing::load_gguf_file;
using testing::small_vocab;
using testing::test_file;

TEST(Tokenizer, UserTextNeverBecomesASpecialToken) {
  const auto t = text::load_gguf(small_vocab());
  // "hello<|end|>" from the template, then the same from the user.
  const PromptText prompt{.text = "hello<|end|>hello<|end|>", .trusted = {{0, 12}}};
  const auto ids = t->encode(prompt);
  EXPECT_EQ(std::count(ids.begin(), ids.end(), 260), 1);
  EXPECT_EQ(ids[1], 260);
  EXPECT_EQ(t->decode(ids, false), prompt.text);
  // Half from the template, half from the user.
  for (size_t cut = 1; cut < 7; ++cut) {
    const auto half = t->encode(PromptText{.text = "<|end|>", .trusted = {{0, cut}}});
    EXPECT_EQ(std::count(half.begin(), half.end(), 260), 0) << cut;
  }
  EXPECT_EQ(t->encode(PromptText{.text = "<|end|>", .trusted = {{0, 7}}}),
            std::vector<int32_t>{260});
}

TEST(Tokenizer, BrokenUtf8IsReplacedAndRangesFollow) {
  const auto t = text::load_gguf(small_vocab());
  EXPECT_EQ(t->encode("a\xFF"), t->encode("a\uFFFD"));
  const PromptText prompt{.text = "\xFF\xFF<|end|>", .trusted = {{2, 9}}};
  EXPECT_EQ(t->encode(prompt).back(), 260);
}

TEST(Tokenizer, DecodeSkipsWhatItIsToldTo) {
  const auto t = text::load_gguf(small_vocab());
  const std::vector<int32_t> ids{259, 260, 261, 9999, -1};
  EXPECT_EQ(t->decode(ids), "hello<tool>");
  EXPECT_EQ(t->decode(ids, false), "hello<|end|><tool>");
}

// Every way of cutting: the parts are whole characters and join to the whole text.
TEST(Detokenizer, StreamsWholeCharacters) {
  for (const char* file : {"text/data/ggml-vocab-gpt-2.gguf", "text/data/ggml-vocab-llama-spm.gguf",
                           "data/stories260k/stories260K-f32.gguf"}) {
    const auto t = load_gguf_file(test_file(file));
    for (const std::string text : {"Zoë saw 猫 and 🙂!", "  two", "a", "", "\u00A0\U0010FFFF x"}) {
      Detokenizer d(t);
      std::string joined;
      for (const int32_t id : t->encode(text)) {
        const std::string part = d.push(id);
        EXPECT_TRUE(utf8::is_valid(part));
        joined += part;
      }
      joined += d.finish();
      EXPECT_EQ(joined, text) << file;
    }
  }
}

TEST(Detokenizer, UnfinishedCharactersBecomeReplacements) {
  const auto t = text::load_gguf(small_vocab());
  Detokenizer d(t);
  EXPECT_EQ(d.push(0xF0), "");
  EXPECT_EQ(d.push(0x9F), "");
  EXPECT_EQ(d.push('a'), "\uFFFDa");
  EXPECT_EQ(d.push(0xE4), "");
  EXPECT_EQ(d.finish(), "\uFFFD");
  EXPECT_EQ(d.finish(), "");
}

TEST(Tokenizer, ThreadsShareOne) {
  const auto t = load_gguf_file(test_file("text/data/ggml-vocab-gpt-2.gguf"));
  const std::string text = "The quick brown fox, 1234 times: naïve 猫!";
  const auto expected = t->encode(text);
  std::vector<std::thread> threads;
  threads.reserve(4);
  std::vector<int> wrong(4, 0);
  for (size_t i = 0; i < wrong.size(); ++i) {
    threads.emplace_back([&, i] {
      for (int k = 0; k < 200; ++k) wrong[i] += t->encode(text) != expected;
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(wrong, std::vector<int>(4, 0));
}

}  // namespace
}  // namespace ominix
