#include "formats/gguf.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "support/expect_error.h"
#include "support/gguf_builder.h"
#include "support/temp_dir.h"

namespace ominix::formats {
namespace {

using testing::Bytes;
using testing::GgufBuilder;

void open(std::string_view bytes) {
  testing::TempDir dir;
  Gguf(dir.write("a.gguf", bytes));
}

#define EXPECT_MALFORMED(bytes, text) EXPECT_ERROR(open(bytes), ErrorCode::corrupt_data, text)

// Written by the `gguf` package: tools/goldens/gguf_types.py.
TEST(Gguf, ReadsTheFileOfThePackage) {
  const Gguf file(OMINIX_TEST_DATA "/goldens/gguf_types/types.gguf");
  const GgufMetadata& m = file.metadata();
  EXPECT_EQ(file.version(), 3u);
  EXPECT_EQ(m.require<std::string>("general.architecture"), "types");
  EXPECT_EQ(m.require<std::string_view>("text"), "größer\n");
  EXPECT_EQ(m.require<uint8_t>("u8"), 200);
  EXPECT_EQ(m.require<int8_t>("i8"), -100);
  EXPECT_EQ(m.require<uint16_t>("u16"), 60000);
  EXPECT_EQ(m.require<int16_t>("i16"), -30000);
  EXPECT_EQ(m.require<uint32_t>("u32"), 4000000000u);
  EXPECT_EQ(m.require<int32_t>("i32"), -2000000000);
  EXPECT_EQ(m.require<uint64_t>("u64"), 1ull << 63);
  EXPECT_EQ(m.require<int64_t>("i64"), std::numeric_limits<int64_t>::min());
  EXPECT_EQ(m.require<float>("f32"), 0.1f);
  EXPECT_EQ(m.require<double>("f64"), 0.1);
  EXPECT_TRUE(m.require<bool>("yes"));
  EXPECT_EQ(m.require_array<float>("floats"), (std::vector<float>{0.5f, -2}));
  EXPECT_EQ(m.require_array<int32_t>("integers"), (std::vector<int32_t>{1, -2, 3}));
  const StringArray& strings = m.require_strings("strings");
  ASSERT_EQ(strings.size(), 3u);
  EXPECT_EQ(strings[0], "a");
  EXPECT_EQ(strings[1], "");
  EXPECT_EQ(strings[2], "日本");
  EXPECT_EQ(describe(*m.get("strings")), "array of 3 string");
  EXPECT_EQ(file.find("Q4_K")->shape, (std::vector<int64_t>{3, 512}));
  EXPECT_EQ(file.find("nothing"), nullptr);
}

TEST(Gguf, MetadataConvertsNumbersThatFitAndNothingElse) {
  testing::TempDir dir;
  const Gguf file(dir.write("a.gguf", GgufBuilder()
                                          .key("small", uint8_t{7})
                                          .key("big", uint64_t{1} << 40)
                                          .key("minus", int32_t{-1})
                                          .key("half", 0.5f)
                                          .key("text", "x")
                                          .key("yes", true)
                                          .array("list", std::vector<int64_t>{1, -5})
                                          .build()));
  const GgufMetadata& m = file.metadata();
  EXPECT_EQ(m.require<uint64_t>("small"), 7u);
  EXPECT_EQ(m.require<float>("small"), 7.0f);
  EXPECT_EQ(m.require<double>("half"), 0.5);
  EXPECT_EQ(m.find<uint32_t>("absent"), std::nullopt);
  EXPECT_EQ(m.find_strings("absent"), nullptr);
  EXPECT_FALSE(m.contains("absent"));
  EXPECT_EQ(m.require_array<int16_t>("list"), (std::vector<int16_t>{1, -5}));
  EXPECT_EQ(m.require_array<float>("list"), (std::vector<float>{1, -5}));
  EXPECT_ERROR(m.require<uint32_t>("absent"), ErrorCode::corrupt_data, "no key 'absent'");
  EXPECT_ERROR(m.require_strings("absent"), ErrorCode::corrupt_data, "no key 'absent'");
  EXPECT_ERROR(m.require<uint32_t>("big"), ErrorCode::corrupt_data,
               "'big' has 1099511627776 out of range");
  EXPECT_ERROR(m.require<uint64_t>("minus"), ErrorCode::corrupt_data,
               "'minus' has -1 out of range");
  EXPECT_ERROR(m.require<uint32_t>("half"), ErrorCode::corrupt_data,
               "'half' is f32, expected integer");
  EXPECT_ERROR(m.require<uint32_t>("text"), ErrorCode::corrupt_data, "is string, expected integer");
  EXPECT_ERROR(m.require<std::string>("small"), ErrorCode::corrupt_data,
               "is u8, expected a string");
  EXPECT_ERROR(m.require<bool>("small"), ErrorCode::corrupt_data, "is u8, expected bool");
  EXPECT_ERROR(m.require<uint32_t>("yes"), ErrorCode::corrupt_data, "is bool, expected integer");
  EXPECT_ERROR(m.require<uint32_t>("list"), ErrorCode::corrupt_data, "is array of 2 i64");
  EXPECT_ERROR(m.require_array<uint8_t>("list"), ErrorCode::corrupt_data, "out of range");
  EXPECT_ERROR(m.require_array<float>("text"), ErrorCode::corrupt_data,
               "is string, expected an array of number");
  EXPECT_ERROR(m.find_strings("list"), ErrorCode::corrupt_data, "expected an array of string");
}

// Found by the fuzzer: keys of the file itself in messages.
TEST(Gguf, MetadataErrorsStayOnOneLine) {
  testing::TempDir dir;
  const Gguf file(dir.write("a.gguf", GgufBuilder().key("a\nb", "x").key("c\nd", -1).build()));
  EXPECT_ERROR(file.metadata().require<int>("a\nb"), ErrorCode::corrupt_data, "a\\u000ab");
  EXPECT_ERROR(file.metadata().require<unsigned>("c\nd"), ErrorCode::corrupt_data, "c\\u000ad");
  EXPECT_ERROR(file.metadata().require<int>("e\nf"), ErrorCode::corrupt_data, "e\\u000af");
}

TEST(Gguf, TensorsOfVersion2AndOtherAlignments) {
  testing::TempDir dir;
  GgufBuilder b;
  b.version = 2;
  b.alignment = 64;
  b.pad_last = false;
  b.key("general.alignment", uint32_t{64})
      .tensor("a", DType::f32, {1, 3}, std::vector<float>{1, 2, 3})
      .tensor("b", DType::i8, {2, 1, 2, 2}, "12345678");
  const Gguf file(dir.write("a.gguf", b.build()));
  ASSERT_EQ(file.tensors().size(), 2u);
  const TensorInfo* t = file.find("b");
  EXPECT_EQ(t->shape, (std::vector<int64_t>{2, 1, 2, 2}));
  EXPECT_EQ(t->offset % 64, 0u);
  std::string text(3, ' ');
  file.read(*t, 5, std::as_writable_bytes(std::span(text)));
  EXPECT_EQ(text, "678");
  EXPECT_ERROR(file.read(*t, 6, std::as_writable_bytes(std::span(text))),
               ErrorCode::invalid_argument, "asked for 3 from 6");
}

TEST(Gguf, RefusesOtherFiles) {
  EXPECT_MALFORMED("", "too short");
  EXPECT_MALFORMED(std::string(64, 'x'), "does not start with 'GGUF'");
  GgufBuilder b;
  b.version = 1;
  EXPECT_ERROR(open(b.build()), ErrorCode::unsupported, "version 1, expected 2 or 3");
  b.version = 0x03000000;
  EXPECT_ERROR(open(b.build()), ErrorCode::unsupported, "big-endian");
  b.version = 3;
  EXPECT_NO_THROW(open(b.build()));
}

// B01: counts and lengths near 2^31, 2^32, 2^63, 2^64.

constexpr uint64_t kHuge[] = {1ull << 31,     (1ull << 32) - 1, 1ull << 32, 1ull << 61,
                              1ull << 63,     (1ull << 63) - 1, ~0ull,      ~0ull - 7,
                              ~0ull / 33 + 1, ~0ull / 8 + 1};

TEST(GgufB01, Counts) {
  for (uint64_t n : kHuge) {
    GgufBuilder tensors, keys;
    tensors.tensor_count = n;
    EXPECT_MALFORMED(tensors.key("a", 1u).build(), "tensors at byte 24");
    keys.key_count = n;
    EXPECT_MALFORMED(keys.key("a", 1u).build(), "keys at byte 24");
  }
  GgufBuilder more;
  more.key_count = 2;
  EXPECT_MALFORMED(more.key("a", 1u).build() + std::string(11, '\0'), "a key is empty");
}

TEST(GgufB01, TooMany) {
  GgufBuilder keys;
  keys.key_count = 65537;
  EXPECT_ERROR(open(keys.build() + std::string(65537 * 14, '\0')), ErrorCode::too_big,
               "65537 keys, expected at most 65536");
  GgufBuilder tensors;
  tensors.tensor_count = (1u << 18) + 1;
  EXPECT_ERROR(open(tensors.build() + std::string(33 * ((1u << 18) + 1), '\0')), ErrorCode::too_big,
               "tensors, expected at most 262144");
}

TEST(GgufB01, Lengths) {
  for (uint64_t n : kHuge) {
    GgufBuilder key_name, value, numbers, strings, piece, tensor;
    key_name.key_count = 1;
    EXPECT_MALFORMED(key_name.build() + Bytes().add(n).add("abcdefghijkl").str(), "bytes of text");
    value.raw_key("a", GgufBuilder::string, Bytes().add(n).add("x").str());
    EXPECT_MALFORMED(value.build(), "bytes of text");
    for (uint32_t tag : {0u, 1u, 2u, 3u, 4u, 5u, 6u, 7u, 10u, 11u, 12u}) {
      GgufBuilder b;
      b.raw_key("a", GgufBuilder::array_, Bytes().add(tag).add(n).add("12345678").str());
      EXPECT_MALFORMED(b.build(), "array elements");
    }
    strings.raw_key("a", GgufBuilder::array_,
                    Bytes().add(uint32_t{8}).add(n).add("12345678").str());
    EXPECT_MALFORMED(strings.build(), "strings at byte");
    piece.raw_key("a", GgufBuilder::array_,
                  Bytes().add(uint32_t{8}).add(uint64_t{1}).add(n).add("12345678").str());
    EXPECT_MALFORMED(piece.build(), "bytes of text");
    tensor.tensor_count = 1;
    EXPECT_MALFORMED(tensor.build() + Bytes().add(n).add(std::string(40, 'x')).str(),
                     "bytes of text");
  }
}

TEST(GgufB01, Keys) {
  EXPECT_MALFORMED(GgufBuilder().key("a", 1u).key("a", 2u).build(), "key 'a' stands twice");
  EXPECT_MALFORMED(GgufBuilder().key("", 1u).build(), "a key is empty");
  EXPECT_MALFORMED(GgufBuilder().key("\xff", 1u).build(), "not valid UTF-8");
  EXPECT_ERROR(open(GgufBuilder().key(std::string(65536, 'k'), 1u).build()), ErrorCode::too_big,
               "a key of 65536 bytes");
  EXPECT_MALFORMED(GgufBuilder().raw_key("a", 13, "12345678").build(), "unknown type 13");
  EXPECT_MALFORMED(GgufBuilder()
                       .raw_key("a", 9, Bytes().add(13u).add(uint64_t{1}).add("12345678").str())
                       .build(),
                   "unknown type 13");
  EXPECT_ERROR(open(GgufBuilder()
                        .raw_key("a", 9, Bytes().add(9u).add(uint64_t{1}).add("1234").str())
                        .build()),
               ErrorCode::unsupported, "array of arrays");
  EXPECT_MALFORMED(GgufBuilder().raw_key("a", 7, "\x02").build(), "is the bool 2");
}

TEST(GgufB01, EveryTruncationIsRefused) {
  const std::string whole = GgufBuilder()
                                .key("general.architecture", "llama")
                                .array("tokens", std::vector<std::string>{"a", "bc"})
                                .tensor("w", DType::q4_0, {2, 32}, std::string(36, 'x'))
                                .build();
  EXPECT_NO_THROW(open(whole));
  const size_t padding = 28;  // after the 36 bytes of data
  for (size_t size = 0; size < whole.size() - padding; ++size) {
    EXPECT_MALFORMED(whole.substr(0, size), "gguf: '");
  }
}

// B02: tensor infos.

GgufBuilder raw(const std::vector<uint64_t>& dims, uint32_t type, uint64_t offset) {
  return GgufBuilder().raw_tensor("w", dims, type, offset).raw_data(std::string(64, 'x'));
}

TEST(GgufB02, Dimensions) {
  EXPECT_NO_THROW(open(raw({4, 4}, 0, 0).build()));
  EXPECT_MALFORMED(raw({}, 0, 0).build(), "has 0 dimensions, expected 1 to 4");
  EXPECT_MALFORMED(raw({1, 1, 1, 1, 16}, 0, 0).build(), "has 5 dimensions");
  EXPECT_MALFORMED(raw({4, 0}, 0, 0).build(), "dimension of 0");
  EXPECT_MALFORMED(raw({0}, 0, 0).build(), "dimension of 0");
  // Products and sizes that wrap to something small.
  EXPECT_MALFORMED(raw({1ull << 32, 1ull << 32}, 0, 0).build(), "1 to 2^63 elements");
  EXPECT_MALFORMED(raw({1ull << 63, 2}, 0, 0).build(), "1 to 2^63 elements");
  EXPECT_MALFORMED(raw({(1ull << 62) + 4, 1}, 0, 0).build(), "rows of");
  EXPECT_MALFORMED(raw({1ull << 61, 1}, 28, 0).build(), "rows of");
  EXPECT_MALFORMED(raw({16, 2}, 2, 0).build(), "rows of 16, expected a multiple of 32 for q4_0");
}

TEST(GgufB02, Types) {
  for (uint32_t id : {4u, 5u, 9u, 15u, 16u, 31u, 36u}) {
    EXPECT_ERROR(open(raw({256}, id, 0).build()), ErrorCode::unsupported, "OminiX cannot read");
  }
  for (uint32_t id : {42u, 255u, 0x80000000u, ~0u}) {
    EXPECT_MALFORMED(raw({256}, id, 0).build(), "unknown type");
  }
}

TEST(GgufB02, Offsets) {
  EXPECT_MALFORMED(raw({4, 4}, 0, 1).build(), "expected a multiple of 32");
  EXPECT_MALFORMED(raw({4, 4}, 0, 32).build(), "expected 0: a hole");
  EXPECT_MALFORMED(raw({4, 4}, 0, ~31ull).build(), "a hole");
  EXPECT_MALFORMED(raw({4, 5}, 0, 0).build(), "ends past the file's");
  EXPECT_MALFORMED(raw({1ull << 60}, 0, 0).build(), "ends past the file's");
  const std::string whole = raw({4, 4}, 0, 0).build();
  EXPECT_MALFORMED(whole + "x", "1 bytes after the last tensor");
  EXPECT_MALFORMED(whole + std::string(4096, '\0'), "4096 bytes after the last tensor");
  GgufBuilder overlap;
  overlap.raw_tensor("a", {16}, 0, 0).raw_tensor("b", {8}, 0, 32).raw_data(std::string(64, 'x'));
  EXPECT_MALFORMED(overlap.build(), "tensor 'b' has offset 32, expected 64: it overlaps");
  GgufBuilder same;
  same.raw_tensor("a", {8}, 0, 0).raw_tensor("b", {8}, 0, 0).raw_data(std::string(64, 'x'));
  EXPECT_MALFORMED(same.build(), "overlaps");
  GgufBuilder any_order;
  any_order.raw_tensor("b", {8}, 0, 32).raw_tensor("a", {8}, 0, 0).raw_data(std::string(64, 'x'));
  EXPECT_NO_THROW(open(any_order.build()));
}

TEST(GgufB02, Names) {
  GgufBuilder twice;
  twice.tensor("w", DType::i8, {1}, "x").tensor("w", DType::i8, {1}, "x");
  EXPECT_MALFORMED(twice.build(), "tensor 'w' stands twice");
  EXPECT_MALFORMED(GgufBuilder().tensor("", DType::i8, {1}, "x").build(), "name is empty");
  EXPECT_MALFORMED(GgufBuilder().tensor("\xc3", DType::i8, {1}, "x").build(), "not valid UTF-8");
}

TEST(GgufB03, Alignment) {
  for (uint32_t bad : {0u, 1u, 4u, 7u, 24u, 33u, 131072u, 0x80000000u, ~0u}) {
    EXPECT_MALFORMED(GgufBuilder().key("general.alignment", bad).build(), "general.alignment is");
  }
  EXPECT_MALFORMED(GgufBuilder().key("general.alignment", uint64_t{32}).build(),
                   "general.alignment is u64");
  EXPECT_MALFORMED(GgufBuilder().key("general.alignment", "32").build(), "is string");
  for (uint32_t good : {8u, 16u, 32u, 4096u, 65536u}) {
    GgufBuilder b;
    b.alignment = good;
    b.key("general.alignment", good).tensor("w", DType::i8, {1}, "x");
    EXPECT_NO_THROW(open(b.build())) << good;
  }
}

TEST(GgufSplit, PartsBelongTogether) {
  testing::TempDir dir;
  const auto part = [&](std::string_view file, uint16_t number, uint16_t count,
                        std::string_view tensor) {
    return dir.write(file, GgufBuilder()
                               .key("split.no", number)
                               .key("split.count", count)
                               .key("split.tensors.count", int32_t{2})
                               .tensor(tensor, DType::i8, {1}, "x")
                               .build());
  };
  using Paths = std::vector<std::filesystem::path>;
  const Paths parts = {part("a", 0, 2, "v"), part("b", 1, 2, "w")};
  EXPECT_EQ(open_gguf(parts).size(), 2u);
  EXPECT_ERROR(open_gguf(Paths{parts[1], parts[0]}), ErrorCode::corrupt_data,
               "says it is part 2 of 2, expected part 1 of 2");
  EXPECT_ERROR(open_gguf(Paths{parts[0]}), ErrorCode::corrupt_data, "part 1 of 2");
  part("b", 1, 2, "v");
  EXPECT_ERROR(open_gguf(parts), ErrorCode::corrupt_data, "tensor 'v' stands in");
  dir.write("b", GgufBuilder().key("split.no", 1u).key("split.count", 2u).build());
  EXPECT_ERROR(open_gguf(parts), ErrorCode::corrupt_data, "hold 1 tensors, expected 2");
  const auto plain = dir.write("c", GgufBuilder().tensor("w", DType::i8, {1}, "x").build());
  EXPECT_EQ(open_gguf(Paths{plain}).size(), 1u);
}

TEST(GgufB11, AFileThatShrinksIsAnErrorNotASignal) {
  testing::TempDir dir;
  const auto path =
      dir.write("a.gguf", GgufBuilder().tensor("w", DType::i8, {64}, std::string(64, 'x')).build());
  const Gguf file(path);
  std::filesystem::resize_file(path, file.file_size() - 1);
  std::vector<std::byte> out(64);
  EXPECT_ERROR(file.read(file.tensors()[0], 0, out), ErrorCode::corrupt_data, "became shorter");
}

}  // namespace
}  // namespace ominix::formats
