#include <gtest/gtest.h>
#include <ominix/check.h>

#include <cmath>
#include <string>
#include <vector>

#include "formats/checkpoint_files.h"
#include "formats/gguf.h"
#include "formats/gguf_vocabulary.h"
#include "support/bytes.h"
#include "support/expect_error.h"
#include "support/gguf_builder.h"
#include "support/temp_dir.h"

namespace ominix::formats {
namespace {

using testing::GgufBuilder;
using testing::safetensors_bytes;

const std::string kTensor = R"({"w":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}})";

void vocabulary(const GgufBuilder& b) {
  testing::TempDir dir;
  check_vocabulary(Gguf(dir.write("a.gguf", b.build())).metadata(), "gguf");
}

GgufBuilder tokens(const std::vector<std::string>& pieces) {
  return GgufBuilder().array("tokenizer.ggml.tokens", pieces);
}

TEST(CheckFile, SaysWhatIsWrong) {
  testing::TempDir dir;
  const auto good = check_file(dir.write("a.safetensors", safetensors_bytes(kTensor, "xy")));
  EXPECT_TRUE(good.ok) << good.error;
  EXPECT_EQ(good.code, "");
  EXPECT_EQ(good.error, "");
  const auto malformed = check_file(dir.write("a.safetensors", safetensors_bytes(kTensor, "x")));
  EXPECT_FALSE(malformed.ok);
  EXPECT_EQ(malformed.code, "malformed");
  EXPECT_THAT(malformed.error, ::testing::HasSubstr("truncated"));
  const auto big =
      check_file(dir.write("a.safetensors", testing::Bytes().add(~uint64_t{0}).add("{}").str()));
  EXPECT_EQ(big.code, "too_big");
  const auto other = check_file(
      dir.write("a.gguf", GgufBuilder().raw_tensor("w", {256}, 16, 0).raw_data("").build()));
  EXPECT_EQ(other.code, "unsupported");
  EXPECT_EQ(check_file(dir / "missing").code, "unreadable");
  EXPECT_EQ(check_file("/dev/null").code, "unreadable");
}

TEST(CheckFile, KnowsFilesByNameAndContent) {
  testing::TempDir dir;
  const std::string gguf = tokens({"a"}).build();
  EXPECT_TRUE(check_file(dir.write("a.gguf", gguf)).ok);
  EXPECT_TRUE(check_file(dir.write("no-suffix", gguf)).ok);
  EXPECT_TRUE(check_file(dir.write("config.json", R"({"hidden_size":8})")).ok);
  EXPECT_EQ(check_file(dir.write("config.json", R"({"hidden_size":0})")).code, "malformed");
  EXPECT_TRUE(check_file(dir.write("generation_config.json", R"({"eos_token_id":2})")).ok);
  EXPECT_TRUE(check_file(dir.write("other.json", "[1,2]")).ok);
  EXPECT_EQ(check_file(dir.write("other.json", "[1,2")).code, "malformed");
  EXPECT_EQ(check_file(dir.write("empty.safetensors", "")).code, "malformed");
  EXPECT_EQ(check_file(dir.write("empty.gguf", "")).code, "malformed");
}

TEST(CheckFile, AnIndexAndItsShards) {
  testing::TempDir dir;
  dir.write("a.safetensors", safetensors_bytes(kTensor, "xy"));
  const auto index =
      dir.write("model.safetensors.index.json", R"({"weight_map":{"w":"a.safetensors"}})");
  EXPECT_TRUE(check_file(index).ok);
  EXPECT_TRUE(check_file(dir.path()).ok);
  dir.write("model.safetensors.index.json", R"({"weight_map":{"v":"a.safetensors"}})");
  EXPECT_THAT(check_file(index).error, ::testing::HasSubstr("tensor 'v' is not in"));
  dir.write("model.safetensors.index.json", R"({"weight_map":{"w":"b.safetensors"}})");
  EXPECT_EQ(check_file(dir.path()).code, "unreadable");
  std::filesystem::remove(index);
  dir.write("config.json", R"({"vocab_size":-1})");
  EXPECT_THAT(check_file(dir.path()).error, ::testing::HasSubstr("vocab_size is -1"));
}

// B07: MLX's reader of NumPy headers has had memory bugs; ours refuses the format unread.
TEST(CheckB07, NumpyFilesAreRefusedUnopened) {
  testing::TempDir dir;
  const auto npy = [](std::string_view header, uint8_t major = 1) {
    testing::Bytes b;
    b.add("\x93NUMPY").add(major).add(uint8_t{0});
    return b.add(static_cast<uint16_t>(header.size())).add(header).str();
  };
  const std::string good = "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }";
  for (const std::string& bytes :
       {npy(good) + std::string(8, 'x'), npy(good), npy(""), npy(std::string(65535, '(')),
        npy("{'descr': '|O', 'shape': (-1, 99999999999999999999)}"), npy(good, 255),
        npy(good).substr(0, 8), npy(good).substr(0, 6)}) {
    for (const char* name : {"a.npy", "a", "a.safetensors"}) {
      const auto report = check_file(dir.write(name, bytes));
      EXPECT_EQ(report.code, "unsupported") << name;
      EXPECT_THAT(report.error, ::testing::HasSubstr("NumPy"));
    }
  }
  for (const char* name : {"a.npy", "weights.npz", "pytorch_model.bin", "model.pt", "a.ckpt"}) {
    EXPECT_EQ(check_file(dir.write(name, "")).code, "unsupported") << name;
  }
  EXPECT_EQ(check_file(dir.write("zip", std::string_view("PK\x03\x04....."))).code, "unsupported");
  std::filesystem::create_directory(dir / "model");
  dir.write("model/weights.npz", npy(good));
  EXPECT_ERROR((void)find_checkpoint(dir / "model"), ErrorCode::not_found, "has no weights");
}

// B04: the vocabulary of a GGUF file.

TEST(VocabularyB04, Accepts) {
  EXPECT_NO_THROW(vocabulary(GgufBuilder()));
  EXPECT_NO_THROW(
      vocabulary(tokens({"<unk>", "<0x00>", "<0xfF>", "a"})
                     .array("tokenizer.ggml.scores", std::vector<float>{0, 1, 2, -3})
                     .array("tokenizer.ggml.token_type", std::vector<int32_t>{2, 6, 6, 1})
                     .array("tokenizer.ggml.merges", std::vector<std::string>{"a b"})
                     .key("tokenizer.ggml.bos_token_id", 3u)));
}

TEST(VocabularyB04, ListsThatDoNotAgree) {
  EXPECT_ERROR(vocabulary(tokens({})), ErrorCode::corrupt_data, "is empty");
  EXPECT_ERROR(vocabulary(GgufBuilder().array("tokenizer.ggml.tokens", std::vector<float>{1})),
               ErrorCode::corrupt_data, "expected an array of string");
  EXPECT_ERROR(vocabulary(tokens({"a"}).array("tokenizer.ggml.scores", std::vector<float>{1, 2})),
               ErrorCode::corrupt_data, "scores has 2 values, expected 1");
  EXPECT_ERROR(vocabulary(tokens({"a"}).array("tokenizer.ggml.scores", std::vector<double>{1})),
               ErrorCode::corrupt_data, "scores is array of 1 f64, expected an array of f32");
  EXPECT_ERROR(vocabulary(tokens({"a"}).array("tokenizer.ggml.scores", std::vector<float>{NAN})),
               ErrorCode::corrupt_data, "score of token 0 is NaN");
  EXPECT_ERROR(
      vocabulary(tokens({"a"}).array("tokenizer.ggml.token_type", std::vector<uint32_t>{1})),
      ErrorCode::corrupt_data, "token_type is array of 1 u32, expected an array of i32");
  EXPECT_ERROR(vocabulary(tokens({"a"}).array("tokenizer.ggml.token_type", std::vector<int32_t>{})),
               ErrorCode::corrupt_data, "token_type has 0 values");
  EXPECT_ERROR(
      vocabulary(tokens({"a"}).array("tokenizer.ggml.token_type", std::vector<int32_t>{7})),
      ErrorCode::corrupt_data, "token 0 has type 7");
}

TEST(VocabularyB04, ByteTokens) {
  for (const char* piece : {"", "a", "<0x>", "<0x0>", "<0x000>", "<0xGG>", "<0x-1>", "<0x+1>",
                            "<0x 1>", "0x41", "<0x41]"}) {
    EXPECT_ERROR(
        vocabulary(tokens({piece}).array("tokenizer.ggml.token_type", std::vector<int32_t>{6})),
        ErrorCode::corrupt_data, "token 0 is the byte token");
  }
  EXPECT_ERROR(vocabulary(tokens({"<0x41>", "<0x41>"})
                              .array("tokenizer.ggml.token_type", std::vector<int32_t>{6, 6})),
               ErrorCode::corrupt_data, "token 1 is the byte token");
}

TEST(VocabularyB04, IdsPiecesAndMerges) {
  EXPECT_ERROR(vocabulary(tokens({"a"}).key("tokenizer.ggml.eos_token_id", 1u)),
               ErrorCode::corrupt_data, "eos_token_id is 1, but there are 1 tokens");
  EXPECT_ERROR(vocabulary(tokens({"a"}).key("tokenizer.ggml.eos_token_id", int32_t{-1})),
               ErrorCode::corrupt_data, "eos_token_id is -1");
  EXPECT_ERROR(vocabulary(tokens({"a"}).key("tokenizer.ggml.eos_token_id", "x")),
               ErrorCode::corrupt_data, "is string, expected integer");
  EXPECT_ERROR(vocabulary(tokens({std::string(65536, 'x')})), ErrorCode::too_big,
               "token 0 has 65536 bytes");
  for (const char* merge : {"", " ", "a", "ab", "a ", " b"}) {
    EXPECT_ERROR(
        vocabulary(tokens({"a"}).array("tokenizer.ggml.merges", std::vector<std::string>{merge})),
        ErrorCode::corrupt_data, "expected two pieces");
  }
}

}  // namespace
}  // namespace ominix::formats
