#include "formats/checkpoint_files.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "support/expect_error.h"
#include "support/temp_dir.h"

namespace ominix::formats {
namespace {

namespace fs = std::filesystem;

std::vector<std::string> names(const CheckpointFiles& found) {
  std::vector<std::string> out;
  for (const auto& file : found.files) out.push_back(file.filename().string());
  return out;
}

std::string index_of(std::string_view file) {
  return fmt::format(R"({{"metadata":{{"total_size":4,"x":[1,{{}}]}},"weight_map":{{"b":"{}"}}}})",
                     file);
}

TEST(CheckpointFiles, OneFile) {
  testing::TempDir dir;
  dir.write("model.safetensors", "x");
  dir.write("other.safetensors", "x");
  dir.write("model.safetensors.index.json", "broken");
  EXPECT_EQ(names(find_checkpoint(dir.path())), (std::vector<std::string>{"model.safetensors"}));
  EXPECT_EQ(names(find_checkpoint(dir / "other.safetensors")),
            (std::vector<std::string>{"other.safetensors"}));
}

TEST(CheckpointFiles, ShardsOfAnIndex) {
  testing::TempDir dir;
  dir.write("b.safetensors", "x");
  dir.write("a.safetensors", "x");
  dir.write("unused.safetensors", "x");
  const auto index = dir.write(
      "model.safetensors.index.json",
      R"({"weight_map":{"w2":"b.safetensors","w1":"a.safetensors","w3":"b.safetensors"}})");
  const auto found = find_checkpoint(dir.path());
  EXPECT_EQ(names(found), (std::vector<std::string>{"a.safetensors", "b.safetensors"}));
  EXPECT_EQ(found.index, fs::canonical(index));
  const auto map = read_safetensors_index(index);
  using Entry = std::pair<std::string, uint32_t>;
  EXPECT_EQ(map.tensors, (std::vector<Entry>{{"w1", 0}, {"w2", 1}, {"w3", 1}}));
  fs::remove(dir / "a.safetensors");
  EXPECT_ERROR(find_checkpoint(dir.path()), ErrorCode::not_found, "a.safetensors");
}

TEST(CheckpointFiles, ShardsWithoutAnIndex) {
  testing::TempDir dir;
  dir.write("model-00002-of-00003.safetensors", "x");
  dir.write("model-00001-of-00003.safetensors", "x");
  EXPECT_ERROR(find_checkpoint(dir.path()), ErrorCode::corrupt_data,
               "'model-00003-of-00003.safetensors' is missing");
  dir.write("model-00003-of-00003.safetensors", "x");
  EXPECT_EQ(names(find_checkpoint(dir.path())).size(), 3u);
  dir.write("model-00001-of-00002.safetensors", "x");
  dir.write("model-00002-of-00002.safetensors", "x");
  EXPECT_ERROR(find_checkpoint(dir.path()), ErrorCode::invalid_argument, "name the file");
}

TEST(CheckpointFiles, OtherNamesAndGguf) {
  testing::TempDir dir;
  EXPECT_ERROR(find_checkpoint(dir.path()), ErrorCode::not_found, "has no weights");
  dir.write("a-00001-of-00002.gguf", "x");
  dir.write("a-00002-of-00002.gguf", "x");
  EXPECT_EQ(names(find_checkpoint(dir.path())).size(), 2u);
  EXPECT_EQ(find_checkpoint(dir.path()).kind, CheckpointFiles::Kind::gguf);
  EXPECT_EQ(names(find_checkpoint(dir / "a-00002-of-00002.gguf")).size(), 2u);
  dir.write("b.gguf", "x");
  EXPECT_ERROR(find_checkpoint(dir.path()), ErrorCode::invalid_argument, "name the file");
  EXPECT_EQ(names(find_checkpoint(dir / "b.gguf")), (std::vector<std::string>{"b.gguf"}));
  dir.write("vae.safetensors", "x");
  EXPECT_EQ(names(find_checkpoint(dir.path())), (std::vector<std::string>{"vae.safetensors"}));
  EXPECT_ERROR(find_checkpoint(dir / "missing"), ErrorCode::not_found, "missing");
  EXPECT_ERROR(find_checkpoint(dir.write("a.bin", "x")), ErrorCode::unsupported, "neither");
}

TEST(CheckpointFiles, ShardNames) {
  const auto shard = parse_shard_name("a-b-00002-of-00010.gguf");
  ASSERT_TRUE(shard);
  EXPECT_EQ(shard->stem, "a-b");
  EXPECT_EQ(shard->number, 2u);
  EXPECT_EQ(shard->count, 10u);
  EXPECT_EQ(shard->with_number(7), "a-b-00007-of-00010.gguf");
  for (const char* name : {"a.gguf", "a-00000-of-00002.gguf", "a-00003-of-00002.gguf",
                           "a-0001-of-0002.gguf", "a-0000x-of-00002.gguf", "-00001-of-00002.gguf",
                           "a-00001-of-00002", "a_00001-of-00002.g"}) {
    EXPECT_FALSE(parse_shard_name(name)) << name;
  }
}

// B06: the weight map of a repository that somebody else made.

TEST(IndexB06, NamesThatLeaveTheFolder) {
  testing::TempDir dir;
  fs::create_directory(dir / "model");
  dir.write("secret.safetensors", "x");
  for (const char* name :
       {"../secret.safetensors", "/etc/passwd.safetensors", "a/../../secret.safetensors",
        "sub/a.safetensors", "..\\\\secret.safetensors", "a\\u0000.safetensors", "..", ".", "",
        "config.json", "a.gguf"}) {
    dir.write("model/model.safetensors.index.json", index_of(name));
    EXPECT_ERROR(find_checkpoint(dir / "model"), ErrorCode::corrupt_data,
                 "expected the plain name of a .safetensors file");
  }
  dir.write("model/model.safetensors.index.json", index_of(std::string(300, 'a') + ".safetensors"));
  EXPECT_ERROR(find_checkpoint(dir / "model"), ErrorCode::corrupt_data, "plain name");
}

TEST(IndexB06, LinksThatLeaveTheFolder) {
  testing::TempDir dir;
  fs::create_directory(dir / "model");
  dir.write("secret.safetensors", "x");
  fs::create_symlink("../secret.safetensors", dir / "model" / "model.safetensors");
  EXPECT_ERROR(find_checkpoint(dir / "model"), ErrorCode::corrupt_data, "link that leaves");
  fs::remove(dir / "model" / "model.safetensors");
  fs::create_symlink(dir / "secret.safetensors", dir / "model" / "a.safetensors");
  dir.write("model/model.safetensors.index.json", index_of("a.safetensors"));
  EXPECT_ERROR(find_checkpoint(dir / "model"), ErrorCode::corrupt_data, "link that leaves");
  // A sister whose name begins alike is another folder.
  fs::create_directory(dir / "model2");
  dir.write("model2/a.safetensors", "x");
  fs::remove(dir / "model" / "a.safetensors");
  fs::create_symlink("../model2/a.safetensors", dir / "model" / "a.safetensors");
  EXPECT_ERROR(find_checkpoint(dir / "model"), ErrorCode::corrupt_data, "link that leaves");
  // Inside is fine, and so is a link to the whole folder.
  fs::remove(dir / "model" / "a.safetensors");
  dir.write("model/real.safetensors", "x");
  fs::create_symlink("real.safetensors", dir / "model" / "a.safetensors");
  fs::create_directory_symlink(dir / "model", dir / "link");
  EXPECT_EQ(names(find_checkpoint(dir / "link")), (std::vector<std::string>{"real.safetensors"}));
}

TEST(IndexB06, TheHuggingFaceCacheIsOneRepository) {
  testing::TempDir dir;
  const fs::path repository = dir / "models--org--name";
  fs::create_directories(repository / "blobs");
  fs::create_directories(repository / "snapshots" / "abc");
  fs::create_directories(dir / "models--org--other" / "blobs");
  dir.write("models--org--name/blobs/1234", "x");
  dir.write("models--org--other/blobs/5678", "x");
  const fs::path snapshot = repository / "snapshots" / "abc";
  fs::create_symlink("../../blobs/1234", snapshot / "model.safetensors");
  EXPECT_EQ(names(find_checkpoint(snapshot)), (std::vector<std::string>{"1234"}));
  fs::remove(snapshot / "model.safetensors");
  fs::create_symlink("../../../models--org--other/blobs/5678", snapshot / "model.safetensors");
  EXPECT_ERROR(find_checkpoint(snapshot), ErrorCode::corrupt_data, "link that leaves");
}

TEST(IndexB06, TheFileItself) {
  testing::TempDir dir;
  const auto read = [&](std::string_view text) {
    read_safetensors_index(dir.write("i.json", text));
  };
  EXPECT_ERROR(read("["), ErrorCode::corrupt_data, "is not a JSON object");
  EXPECT_ERROR(read("7"), ErrorCode::corrupt_data, "is not a JSON object");
  EXPECT_ERROR(read("{"), ErrorCode::corrupt_data, "not valid JSON at byte");
  EXPECT_ERROR(read("{}"), ErrorCode::corrupt_data, "no 'weight_map'");
  EXPECT_ERROR(read(R"({"weight_map":{}})"), ErrorCode::corrupt_data, "is empty");
  EXPECT_ERROR(read(R"({"weight_map":[]})"), ErrorCode::corrupt_data, "not an object");
  EXPECT_ERROR(read(R"({"weight_map":"a"})"), ErrorCode::corrupt_data, "not an object");
  EXPECT_ERROR(read(R"({"a":{"weight_map":{"b":"c"}}})"), ErrorCode::corrupt_data,
               "no 'weight_map'");
  for (const char* value : {"1", "null", "[]", "{}", "true"}) {
    EXPECT_ERROR(read(fmt::format(R"({{"weight_map":{{"t":{}}}}})", value)),
                 ErrorCode::corrupt_data, "tensor 't' has no file name");
  }
  EXPECT_ERROR(read(R"({"weight_map":{"t":"a.safetensors"},"weight_map":{}})"),
               ErrorCode::corrupt_data, "stands twice");
  EXPECT_ERROR(read(R"({"weight_map":{"t":"a.safetensors","t":"b.safetensors"}})"),
               ErrorCode::corrupt_data, "tensor 't' stands twice");
  EXPECT_ERROR(read(R"({"x":)" + std::string(100'000, '[')), ErrorCode::too_big, "deeper than 64");
}

}  // namespace
}  // namespace ominix::formats
