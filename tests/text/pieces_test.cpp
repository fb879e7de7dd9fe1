#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "support/expect_error.h"
#include "text/decoder.h"
#include "text/normalizer.h"
#include "text/pre_tokenizer.h"

namespace ominix::text {
namespace {

std::vector<std::string> cut(const char* config, std::string_view text) {
  const auto plan = make_pre_tokenizer(Json::parse(config), false, "t");
  PieceStore store;
  plan.run(text, true, store);
  std::vector<std::string> out;
  out.reserve(store.pieces.size());
  for (const Piece& p : store.pieces) out.emplace_back(p.text);
  return out;
}

using Pieces = std::vector<std::string>;

TEST(PreTokenizer, Behaviors) {
  const auto split = [](const char* behavior) {
    const std::string config =
        R"({"type":"Split","pattern":{"String":"-"},"invert":false,"behavior":")" +
        std::string(behavior) + "\"}";
    return cut(config.c_str(), "the-final--countdown");
  };
  EXPECT_EQ(split("Removed"), (Pieces{"the", "final", "countdown"}));
  EXPECT_EQ(split("Isolated"), (Pieces{"the", "-", "final", "-", "-", "countdown"}));
  EXPECT_EQ(split("MergedWithPrevious"), (Pieces{"the-", "final-", "-", "countdown"}));
  EXPECT_EQ(split("MergedWithNext"), (Pieces{"the", "-final", "-", "-countdown"}));
  EXPECT_EQ(split("Contiguous"), (Pieces{"the", "-", "final", "--", "countdown"}));
  EXPECT_ERROR(split("Other"), ErrorCode::corrupt_data, "Other");
}

TEST(PreTokenizer, Kinds) {
  EXPECT_EQ(cut(R"({"type":"Metaspace","replacement":"▁","prepend_scheme":"always","split":true})",
                "Hey  you"),
            (Pieces{"▁Hey", "▁", "▁you"}));
  EXPECT_EQ(cut(R"({"type":"BertPreTokenizer"})", "Hey, man"), (Pieces{"Hey", ",", "man"}));
  EXPECT_EQ(cut(R"({"type":"Digits","individual_digits":false})", "a12b"),
            (Pieces{"a", "12", "b"}));
  EXPECT_EQ(cut(R"({"type":"Whitespace"})", "a_b  c!?"), (Pieces{"a_b", "c", "!?"}));
  EXPECT_EQ(cut(R"({"type":"ByteLevel","add_prefix_space":true})", "a b"), (Pieces{"Ġa", "Ġb"}));
  EXPECT_ERROR(cut(R"({"type":"Nope"})", "a"), ErrorCode::unsupported, "Nope");
}

TEST(Normalizer, Kinds) {
  const auto apply = [](const char* config, std::string text) {
    return make_normalizer(Json::parse(config), "t")->apply(std::move(text));
  };
  EXPECT_EQ(apply(R"({"type":"BertNormalizer","clean_text":true,"handle_chinese_chars":true,
                      "strip_accents":null,"lowercase":true})",
                  "Ä\t中\x01"),
            "a  中 ");
  EXPECT_EQ(apply(R"({"type":"Strip","strip_left":true,"strip_right":true})", " a\u3000"), "a");
  EXPECT_EQ(apply(R"({"type":"Replace","pattern":{"Regex":" +"},"content":"_"})", "a  b c"),
            "a_b_c");
  EXPECT_EQ(make_normalizer(Json(), "t"), nullptr);
  EXPECT_ERROR(apply(R"({"type":"Nope"})", ""), ErrorCode::unsupported, "Nope");
  EXPECT_ERROR(apply(R"({"type":"Precompiled","precompiled_charsmap":"AAA="})", ""),
               ErrorCode::corrupt_data, "normalization rules");
}

TEST(Decoder, ByteFallbackKeepsWholeCharactersOnly) {
  const auto plan = sentencepiece_decoder(true);
  EXPECT_EQ(plan.run({"▁a", "<0xC3>", "<0xA9>", "▁b"}), "aé b");
  EXPECT_EQ(plan.run({"▁a", "<0xC3>", "<0xC3>"}), "a\uFFFD\uFFFD");
}

}  // namespace
}  // namespace ominix::text
