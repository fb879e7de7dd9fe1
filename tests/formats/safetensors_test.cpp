#include "formats/safetensors.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "support/bytes.h"
#include "support/expect_error.h"
#include "support/temp_dir.h"

namespace ominix::formats {
namespace {

using testing::Bytes;
using testing::safetensors_bytes;

std::string entry(std::string_view name, std::string_view type, std::string_view shape,
                  std::string_view offsets) {
  return fmt::format(R"("{}":{{"dtype":"{}","shape":{},"data_offsets":{}}})", name, type, shape,
                     offsets);
}

// A header of such entries.
template <class... Entries>
std::string header(const Entries&... entries) {
  std::string json = "{";
  ((json += entries, json += ','), ...);
  json.back() = '}';
  return json;
}

// Opens a file of these bytes.
void open(std::string_view bytes) {
  testing::TempDir dir;
  Safetensors(dir.write("a.safetensors", bytes));
}

void open_header(std::string_view json, std::string_view data = {}) {
  open(safetensors_bytes(json, data));
}

#define EXPECT_MALFORMED(json, data, text) \
  EXPECT_ERROR(open_header(json, data), ErrorCode::corrupt_data, text)

TEST(Safetensors, ReadsTensorsAndMetadata) {
  testing::TempDir dir;
  const std::string json =
      "{"
      R"("__metadata__":{"format":"pt","note":"ä\n"},)" +
      entry("b", "I16", "[2,1]", "[4,8]") + "," + entry("a", "F32", "[]", "[0,4]") + "," +
      entry("none", "F64", "[0,3]", "[4,4]") + "}  ";
  const auto path =
      dir.write("a.safetensors",
                safetensors_bytes(json, Bytes().add(1.5f).add<int16_t>(7).add<int16_t>(-8).str()));
  const Safetensors file(path);
  ASSERT_EQ(file.tensors().size(), 3u);
  EXPECT_EQ(file.tensors()[0].name, "a");
  EXPECT_EQ(file.tensors()[1].name, "none");
  EXPECT_EQ(file.tensors()[2].name, "b");
  EXPECT_EQ(file.metadata().at("format"), "pt");
  EXPECT_EQ(file.metadata().at("note"), "ä\n");
  EXPECT_EQ(file.find("c"), nullptr);

  const TensorInfo* b = file.find("b");
  ASSERT_NE(b, nullptr);
  EXPECT_EQ(b->type, DType::i16);
  EXPECT_EQ(b->shape, (std::vector<int64_t>{2, 1}));
  EXPECT_EQ(b->elements(), 2);
  int16_t value = 0;
  file.read(*b, 2, std::as_writable_bytes(std::span(&value, 1)));
  EXPECT_EQ(value, -8);
  EXPECT_ERROR(file.read(*b, 3, std::as_writable_bytes(std::span(&value, 1))),
               ErrorCode::invalid_argument, "has 4 bytes, asked for 2 from 3");
  EXPECT_EQ(file.find("none")->elements(), 0);
}

TEST(Safetensors, ReadsEveryType) {
  std::string json = "{", data;
  const std::vector<std::pair<std::string, size_t>> types = {
      {"BOOL", 1}, {"U8", 1},  {"I8", 1},      {"U16", 2},     {"I16", 2},    {"U32", 4},
      {"I32", 4},  {"U64", 8}, {"I64", 8},     {"F16", 2},     {"BF16", 2},   {"F32", 4},
      {"F64", 8},  {"C64", 8}, {"F8_E4M3", 1}, {"F8_E5M2", 1}, {"F8_E8M0", 1}};
  for (const auto& [type, bytes] : types) {
    if (!data.empty()) json += ',';
    json += entry(type, type, "[3]", fmt::format("[{},{}]", data.size(), data.size() + 3 * bytes));
    data.append(3 * bytes, 'x');
  }
  EXPECT_NO_THROW(open_header(json + "}", data));
}

TEST(Safetensors, AHundredThousandTensors) {
  testing::TempDir dir;
  std::vector<SafetensorsEntry> entries;
  for (int i = 0; i < 100'000; ++i) {
    entries.push_back({fmt::format("model.layers.{}.weight", i), DType::u8, {1}});
  }
  SafetensorsWriter writer(dir / "a.safetensors", entries);
  writer.append(std::vector<std::byte>(100'000));
  writer.commit();
  const Safetensors file(dir / "a.safetensors");
  EXPECT_EQ(file.tensors().size(), 100'000u);
  EXPECT_EQ(file.find("model.layers.99999.weight")->offset, file.file_size() - 1);
}

// B05: everything below is a file that must be refused.

TEST(SafetensorsB05, HeaderLength) {
  EXPECT_ERROR(open(""), ErrorCode::corrupt_data, "0 bytes, too short");
  EXPECT_ERROR(open("1234567"), ErrorCode::corrupt_data, "too short");
  EXPECT_ERROR(open(Bytes().add<uint64_t>(0).str()), ErrorCode::corrupt_data, "start with '{'");
  EXPECT_ERROR(open(Bytes().add<uint64_t>(3).add("{}").str()), ErrorCode::corrupt_data,
               "header of 3 bytes in a file of 10");
  EXPECT_ERROR(open(Bytes().add<uint64_t>(100'000'001).add("{}").str()), ErrorCode::too_big,
               "at most 100000000");
  EXPECT_ERROR(open(Bytes().add(~uint64_t{0}).add("{}").str()), ErrorCode::too_big, "at most");
}

TEST(SafetensorsB05, HeaderIsNotAnObject) {
  for (const char* json : {"[]", "1", "null", " {}", "\xef\xbb\xbf{}", "\"{}\""}) {
    EXPECT_MALFORMED(json, "", "start with '{'");
  }
  for (const char* json :
       {"{", "{}x", "{\"a\"}", "{,}", "{'a':1}", "{\"\xff\":1}", "{\"\\ud800\":{}}", "{}{}"}) {
    EXPECT_MALFORMED(json, "", "not valid JSON at byte");
  }
}

TEST(SafetensorsB05, DuplicateKeys) {
  const std::string a = entry("a", "U8", "[1]", "[0,1]"), again = entry("a", "U8", "[1]", "[1,2]");
  EXPECT_MALFORMED("{" + a + "," + again + "}", "xy", "'a' stands twice");
  EXPECT_MALFORMED(R"({"__metadata__":{"k":"1","k":"2"}})", "", "'k' stands twice");
  EXPECT_MALFORMED(R"({"__metadata__":{},"__metadata__":{}})", "", "'__metadata__' stands twice");
  EXPECT_MALFORMED(R"({"a":{"dtype":"U8","dtype":"U8","shape":[1],"data_offsets":[0,1]}})", "x",
                   "has 'dtype' twice");
}

TEST(SafetensorsB05, Metadata) {
  for (const char* value : {"1", "[]", "\"x\"", "true", "-1", "1.5"}) {
    EXPECT_MALFORMED(fmt::format(R"({{"__metadata__":{}}})", value), "",
                     "expected an object of strings");
    if (value[0] != '"') {
      EXPECT_MALFORMED(fmt::format(R"({{"__metadata__":{{"k":{}}}}})", value), "",
                       "metadata 'k' is");
    }
  }
  EXPECT_MALFORMED(R"({"__metadata__":{"k":null}})", "", "metadata 'k' is null");
  EXPECT_NO_THROW(open_header(R"({"__metadata__":null})"));
}

TEST(SafetensorsB05, TensorFields) {
  EXPECT_MALFORMED(R"({"a":1})", "", "tensor 'a' is a number, expected an object");
  EXPECT_MALFORMED(R"({"a":[]})", "", "tensor 'a' is an array");
  EXPECT_MALFORMED(R"({"a":{"dtype":"U8","shape":[1]}})", "x",
                   "needs dtype, shape and data_offsets");
  EXPECT_MALFORMED(header(entry("a", "U9", "[1]", "[0,1]")), "x", "unknown dtype 'U9'");
  EXPECT_ERROR(open_header(header(entry("a", "F4", "[2]", "[0,1]")), "x"), ErrorCode::unsupported,
               "tensor 'a' has dtype F4");
  EXPECT_MALFORMED(R"({"a":{"dtype":5,"shape":[1],"data_offsets":[0,1]}})", "x", "as dtype");
  EXPECT_MALFORMED(R"({"a":{"dtype":"U8","shape":1,"data_offsets":[0,1]}})", "x", "as shape");
}

TEST(SafetensorsB05, Shape) {
  for (const char* size : {"-1", "-0", "1.0", "1e3", "\"1\"", "null", "[1]", "{}", "true",
                           "9223372036854775808", "99999999999999999999999"}) {
    EXPECT_MALFORMED(header(entry("a", "U8", fmt::format("[{}]", size), "[0,1]")), "x",
                     "in its shape");
  }
  // Products that wrap: 2^32 * 2^32 elements, 2^62 elements of 8 bytes.
  EXPECT_MALFORMED(header(entry("a", "U8", "[4294967296,4294967296]", "[0,0]")), "",
                   "more than 2^63 bytes");
  EXPECT_MALFORMED(header(entry("a", "U8", "[4294967296,4294967296,0]", "[0,0]")), "",
                   "more than 2^63 bytes");
  EXPECT_MALFORMED(header(entry("a", "F64", "[4611686018427387904]", "[0,0]")), "",
                   "more than 2^63 bytes");
  EXPECT_MALFORMED(header(entry("a", "F32", "[2]", "[0,4]")), "1234",
                   "has 4 bytes in data_offsets, expected 8");
  std::string many = "[1";
  for (int i = 0; i < 16; ++i) many += ",1";
  EXPECT_ERROR(open_header(header(entry("a", "U8", many + "]", "[0,1]")), "x"), ErrorCode::too_big,
               "more than 16 dimensions");
}

TEST(SafetensorsB05, Offsets) {
  for (const char* offsets : {"[]", "[0]", "[0,1,1]", "[-1,1]", "[0,1.5]", "[\"0\",1]"}) {
    EXPECT_MALFORMED(header(entry("a", "U8", "[1]", offsets)), "x", "data_offsets");
  }
  EXPECT_MALFORMED(header(entry("a", "U8", "[1]", "[1,0]")), "x", "second below the first");
  // A hole before, between; an overlap; bytes after; an end past the file; one that wraps.
  EXPECT_MALFORMED(header(entry("a", "U8", "[1]", "[1,2]")), "xy", "a hole");
  EXPECT_MALFORMED(header(entry("a", "U8", "[1]", "[0,1]"), entry("b", "U8", "[1]", "[2,3]")),
                   "xyz", "tensor 'b' starts at byte 2 of the data, expected 1: a hole");
  EXPECT_MALFORMED(header(entry("a", "U8", "[2]", "[0,2]"), entry("b", "U8", "[2]", "[1,3]")),
                   "xyz", "overlaps");
  EXPECT_MALFORMED(header(entry("a", "U8", "[2]", "[0,2]"), entry("b", "U8", "[2]", "[0,2]")), "xy",
                   "overlaps");
  EXPECT_MALFORMED(header(entry("a", "U8", "[1]", "[0,1]")), "xy", "1 bytes after the last tensor");
  EXPECT_MALFORMED("{}", "x", "1 bytes after the last tensor");
  EXPECT_MALFORMED(header(entry("a", "U8", "[4]", "[0,4]")), "xyz", "it is truncated");
  EXPECT_MALFORMED(header(entry("a", "U8", "[1]", "[18446744073709551615,18446744073709551615]")),
                   "x", "a hole");
}

TEST(SafetensorsB05, DeepAndLong) {
  const std::string deep = std::string(100'000, '[') + std::string(100'000, ']');
  EXPECT_MALFORMED(R"({"a":)" + deep + "}", "", "is an array, expected an object");
  EXPECT_ERROR(open_header(R"({"a":{"x":)" + deep + "}}"), ErrorCode::too_big, "deeper than 64");
  const std::string text(17u << 20, 'x');
  EXPECT_ERROR(open_header(R"({"__metadata__":{"k":")" + text + "\"}}"), ErrorCode::too_big,
               "a string of more than");
  // Fields that the reference does not know are walked over, as it does.
  EXPECT_NO_THROW(open_header(
      R"({"a":{"x":{"dtype":[{"shape":1}]},"dtype":"U8","shape":[1],"data_offsets":[0,1],"y":-1}})",
      "x"));
}

TEST(SafetensorsB05, NamesStayOnOneLine) {
  EXPECT_MALFORMED(R"({"a\nb\u001b[1m":1})", "", R"(tensor 'a\u000ab\u001b[1m')");
  EXPECT_MALFORMED(R"({")" + std::string(1000, 'n') + R"(":1})", "", "nnn…'");
}

// B11: the file changes while it is open.
TEST(SafetensorsB11, AFileThatShrinksIsAnErrorNotASignal) {
  testing::TempDir dir;
  const auto path = dir.write("a.safetensors",
                              safetensors_bytes(header(entry("a", "U8", "[4]", "[0,4]")), "abcd"));
  const Safetensors file(path);
  std::filesystem::resize_file(path, file.file_size() - 2);
  std::vector<std::byte> out(4);
  EXPECT_ERROR(file.read(file.tensors()[0], 0, out), ErrorCode::corrupt_data, "became shorter");
}

TEST(SafetensorsWriter, WritesWhatTheReaderReads) {
  testing::TempDir dir;
  const std::vector<SafetensorsEntry> entries = {
      {"z", DType::f32, {2, 2}}, {"empty", DType::u8, {0}}, {"a\n\"é", DType::bf16, {3}}};
  const std::vector<float> z = {1, 2, 3, 4};
  {
    SafetensorsWriter out(dir / "a.safetensors", entries, {{"format", "mlx"}, {"k", "\"v\""}});
    const auto bytes = std::as_bytes(std::span(z));
    out.append(bytes.first(5));
    EXPECT_ERROR(out.commit(), ErrorCode::invalid_argument, "17 bytes of the tensors");
    EXPECT_FALSE(std::filesystem::exists(dir / "a.safetensors"));
    out.append(bytes.subspan(5));
    out.append(std::vector<std::byte>(6, std::byte{1}));
    EXPECT_ERROR(out.append(bytes.first(1)), ErrorCode::invalid_argument, "1 bytes more");
    out.commit();
  }
  const Safetensors file(dir / "a.safetensors");
  EXPECT_EQ(file.metadata().size(), 2u);
  EXPECT_EQ(file.metadata().at("k"), "\"v\"");
  ASSERT_EQ(file.tensors().size(), 3u);
  EXPECT_EQ(file.find("z")->offset % 8, 0u);
  std::vector<float> back(4);
  file.read(*file.find("z"), 0, std::as_writable_bytes(std::span(back)));
  EXPECT_EQ(back, z);
  EXPECT_EQ(file.find("a\n\"é")->shape, std::vector<int64_t>{3});
}

TEST(SafetensorsWriter, RefusesWhatCannotBeRead) {
  testing::TempDir dir;
  const auto write = [&](std::vector<SafetensorsEntry> entries) {
    SafetensorsWriter(dir / "a.safetensors", entries).commit();
  };
  EXPECT_ERROR(write({{"a", DType::u8, {0}}, {"a", DType::u8, {0}}}), ErrorCode::invalid_argument,
               "'a' stands twice");
  EXPECT_ERROR(write({{"a", DType::q4_0, {32}}}), ErrorCode::invalid_argument, "type q4_0");
  EXPECT_ERROR(write({{"a", DType::u8, {-1}}}), ErrorCode::invalid_argument, "shape (-1)");
  EXPECT_ERROR(write({{"a", DType::u8, {1ll << 40, 1ll << 40}}}), ErrorCode::invalid_argument,
               "cannot be written");
  EXPECT_ERROR(write({{"__metadata__", DType::u8, {0}}}), ErrorCode::invalid_argument,
               "cannot be written");
  EXPECT_ERROR(write({{"\xff", DType::u8, {0}}}), ErrorCode::invalid_argument, "not valid UTF-8");
  EXPECT_TRUE(std::filesystem::is_empty(dir.path()));
}

}  // namespace
}  // namespace ominix::formats
