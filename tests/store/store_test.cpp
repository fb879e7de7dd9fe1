#include <gtest/gtest.h>
#include <ominix/store.h>

#include <fstream>
#include <span>
#include <string>
#include <vector>

#include "store/hash.h"
#include "support/expect_error.h"
#include "support/temp_dir.h"

namespace ominix {
namespace {

namespace fs = std::filesystem;

std::string sha(std::string_view text) {
  store::Hasher sha(store::HashKind::sha256);
  sha.update(std::as_bytes(std::span(text)));
  return sha.hex();
}

// Values of FIPS 180-4's examples; the ids are what `git hash-object` says.
TEST(Hash, Examples) {
  EXPECT_EQ(sha(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(sha("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(sha("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  EXPECT_EQ(sha(std::string(1'000'000, 'a')),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
  for (size_t cut = 0; cut <= 200; ++cut) {  // any pieces
    const std::string text(200, 'x');
    store::Hasher pieces(store::HashKind::sha256);
    pieces.update(std::as_bytes(std::span(text)).first(cut));
    pieces.update(std::as_bytes(std::span(text)).subspan(cut));
    EXPECT_EQ(pieces.hex(), sha(text)) << cut;
  }
  const testing::TempDir dir;
  const std::string git(40, '0');
  EXPECT_EQ(store::hash_of(dir.write("a", ""), git), "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391");
  EXPECT_EQ(store::hash_of(dir.write("b", "hello\n"), git),
            "ce013625030ba8dba906f756967f9e9ca394464a");
  EXPECT_EQ(store::hash_of(dir.write("c", "abc"), std::string(64, '0')), sha("abc"));
}

struct StoreTest : ::testing::Test {
  testing::TempDir dir;
  fs::path root = dir / "store", cache = dir / "cache";

  // Puts a model of one file into the store.
  void add(Store& store, std::string_view id, const std::string& text,
           std::string_view revision = "r1") {
    fs::create_directories(dir / "staged");
    dir.write("staged/model.safetensors", text);
    store.install(id, revision, {{"model.safetensors", text.size(), sha(text)}}, dir / "staged");
  }
  static std::vector<std::string> ids(const Store& store) {
    std::vector<std::string> out;
    for (const auto& model : store.list()) out.push_back(model.id);
    return out;
  }
  bool trash_is_empty() const {
    return !fs::exists(root / "trash") || fs::is_empty(root / "trash");
  }
  using Ids = std::vector<std::string>;
};

TEST(StoreB60, Ids) {
  for (const char* id : {"a", "gpt2", "Qwen/Qwen2.5-0.5B", "a_b/c.d-e", "0/1"}) {
    EXPECT_TRUE(is_model_id(id)) << id;
  }
  const std::string nul("a\0b", 3);
  for (const std::string& id :
       {std::string(), std::string("/"), std::string("a/"), std::string("/a"), std::string("a/b/c"),
        std::string("../a"), std::string(".."), std::string("a/.."), std::string("a/.b"),
        std::string("a--b"), std::string("a/b."), std::string("a/b-"), std::string("a\\b"),
        std::string("a b"), std::string("*"), std::string("ä/b"), nul, std::string(97, 'a'),
        std::string("a/") + std::string(300, 'b')}) {
    EXPECT_FALSE(is_model_id(id)) << id;
  }
}

TEST_F(StoreTest, InstallsListsVerifiesRemoves) {
  Store store(root);
  EXPECT_TRUE(store.list().empty());
  EXPECT_FALSE(store.find("org/one"));
  add(store, "org/one", "weights");
  add(store, "two", "other");
  EXPECT_EQ(ids(store), (Ids{"org/one", "two"}));
  const auto model = store.find("org/one");
  ASSERT_TRUE(model);
  EXPECT_EQ(model->bytes, 7u);
  EXPECT_EQ(model->revision, "r1");
  EXPECT_TRUE(fs::exists(model->folder / "model.safetensors"));
  EXPECT_TRUE(store.verify("org/one").empty());

  add(store, "org/one", "newer weights", "r2");
  EXPECT_EQ(store.find("org/one")->revision, "r2");
  store.remove("org/one");
  EXPECT_EQ(ids(store), (Ids{"two"}));
  EXPECT_TRUE(trash_is_empty());
}

TEST_F(StoreTest, RemoveTakesExactIdsOnly) {
  Store store(root);
  add(store, "org/one", "1");
  add(store, "org/one-b", "2");
  for (const char* id : {"", "*", "org/*", "/", "..", "org/", "."}) {
    EXPECT_ERROR(store.remove(id), ErrorCode::invalid_argument, "no model id");
  }
  for (const char* id : {"o", "org", "org/on", "one", "org/one-"}) {
    EXPECT_THROW(store.remove(id), Error);
  }
  EXPECT_EQ(ids(store), (Ids{"org/one", "org/one-b"}));
}

TEST_F(StoreTest, OnlyWhatWasPublishedBecomesAModel) {
  Store store(root);
  fs::create_directories(dir / "staged");
  dir.write("staged/a", "text");
  dir.write("secret", "text");
  const auto install = [&](const StoreFile& file) {
    store.install("org/one", "r1", {file}, dir / "staged");
  };
  EXPECT_ERROR(install({"a", 4, sha("other")}), ErrorCode::corrupt_data, "has hash");
  EXPECT_ERROR(install({"a", 5, sha("text")}), ErrorCode::corrupt_data, "has 4 bytes, expected 5");
  EXPECT_ERROR(install({"b", 4, sha("text")}), ErrorCode::corrupt_data, "'b' is missing");
  EXPECT_ERROR(install({"a", 4, "abc"}), ErrorCode::invalid_argument, "64 or 40 hex digits");
  EXPECT_ERROR(install({"../secret", 4, sha("text")}), ErrorCode::invalid_argument, "a plain path");
  fs::create_symlink("../secret", dir / "staged" / "link");
  EXPECT_ERROR(install({"link", 4, sha("text")}), ErrorCode::corrupt_data, "is missing");
  EXPECT_ERROR(store.install("org/one", "r1", {}, dir / "staged"), ErrorCode::invalid_argument,
               "no files");
  EXPECT_ERROR(store.install("org/one", "../r", {{"a", 4, sha("text")}}, dir / "staged"),
               ErrorCode::invalid_argument, "no revision");
  EXPECT_TRUE(store.list().empty());
  EXPECT_NO_THROW(install({"a", 4, sha("text")}));
}

TEST_F(StoreTest, VerifyFindsEveryFlippedBit) {
  Store store(root);
  const std::string text = "the weights of a model";
  add(store, "org/one", text);
  const fs::path file = store.find("org/one")->folder / "model.safetensors";
  for (size_t bit = 0; bit < 8 * text.size(); ++bit) {
    std::string damaged = text;
    damaged[bit / 8] ^= static_cast<char>(1 << bit % 8);
    std::ofstream(file, std::ios::binary) << damaged;
    EXPECT_EQ(store.verify("org/one").size(), 1u) << bit;
  }
  std::ofstream(file, std::ios::binary) << text;
  EXPECT_TRUE(store.verify("org/one").empty());
  fs::resize_file(file, 3);
  EXPECT_TRUE(store.list().empty());
  EXPECT_ERROR((void)store.verify("org/none"), ErrorCode::not_found, "no model org/none");
}

TEST_F(StoreTest, LeftoversAreNoModels) {
  fs::create_directories(root / "models" / "org--half");
  fs::create_directories(root / "models" / "org--broken");
  fs::create_directories(root / "trash" / "org--old-1");
  dir.write("store/models/org--half/model.safetensors", "x");
  dir.write("store/models/org--broken/ominix-manifest.json", R"({"files":[{"name":"../x"}]})");
  const Store store(root);
  EXPECT_TRUE(store.list().empty());
  EXPECT_TRUE(trash_is_empty());
}

TEST_F(StoreTest, HuggingFaceCacheIsUsedInPlace) {
  const fs::path repository = cache / "models--org--one";
  fs::create_directories(repository / "refs");
  fs::create_directories(repository / "blobs");
  fs::create_directories(repository / "snapshots" / "abc123");
  dir.write("cache/models--org--one/refs/main", "abc123");
  dir.write("cache/models--org--one/blobs/b", "weights");
  Store store(root, cache);
  EXPECT_TRUE(store.list().empty());  // no weights yet
  fs::create_symlink("../../blobs/b", repository / "snapshots" / "abc123" / "model.safetensors");
  ASSERT_EQ(ids(store), (Ids{"org/one"}));
  const auto model = store.find("org/one");
  EXPECT_TRUE(model->in_hugging_face_cache);
  EXPECT_EQ(model->revision, "abc123");
  EXPECT_EQ(model->bytes, 7u);
  EXPECT_ERROR(store.remove("org/one"), ErrorCode::invalid_argument, "Hugging Face cache");
  EXPECT_TRUE(store.find("org/one"));
  dir.write("cache/models--org--one/refs/main", "../../../x");
  EXPECT_FALSE(store.find("org/one"));
}

}  // namespace
}  // namespace ominix
