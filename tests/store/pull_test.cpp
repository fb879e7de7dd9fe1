#include "store/pull_fixture.h"

namespace ominix {
namespace {

namespace fs = std::filesystem;
using testing::Mirror;
using testing::PullTest;

TEST_F(PullTest, FetchesListsAndVerifies) {
  Store store(root);
  const PullResult result = store.pull("org/one", options);
  EXPECT_EQ(result.model.id, "org/one");
  EXPECT_EQ(result.model.revision, std::string(40, 'a'));
  EXPECT_EQ(result.received_bytes, weights.size() + config.size());
  EXPECT_EQ(result.reused_bytes, 0u);
  EXPECT_EQ(store.list().size(), 1u);
  expect_whole();
  // A second time nothing is fetched.
  mirror.forget();
  const PullResult again = store.pull("org/one", options);
  EXPECT_EQ(again.received_bytes, 0u);
  EXPECT_EQ(mirror.sent_bytes(), 0u);
  expect_whole();
}

TEST_F(PullTest, ResumeSavesWhatIsHere) {
  leave_part(weights.size() * 95 / 100);
  Store store(root);
  const PullResult result = store.pull("org/one", options);
  EXPECT_EQ(result.reused_bytes, weights.size() * 95 / 100);
  EXPECT_LE(mirror.sent_bytes(), weights.size() * 5 / 100 + config.size() + 1);
  expect_whole();
}

TEST_F(PullTest, ACancelledPullGoesOn) {
  mirror.bytes_per_ms = 1000;
  Store store(root);
  options.progress = [&](uint64_t done, uint64_t) { return done < 100'000; };
  EXPECT_ERROR(store.pull("org/one", options), ErrorCode::cancelled, "stopped");
  EXPECT_TRUE(Store(root).list().empty());
  const uint64_t first = mirror.sent_bytes();
  EXPECT_GE(first, 100'000u);
  EXPECT_LT(first, weights.size());
  options.progress = {};
  mirror.bytes_per_ms = 1 << 20;
  mirror.forget();
  const PullResult result = store.pull("org/one", options);
  EXPECT_GE(result.reused_bytes, first * 9 / 10 - config.size());
  expect_whole();
}

TEST_F(PullTest, APartOfOtherBytesIsDiscarded) {
  leave_part(100'000);
  const auto part = root / "downloads" / "org--one" / (testing::sha256(weights) + ".part");
  std::ofstream(part, std::ios::binary) << std::string(100'000, 'x');
  Store(root).pull("org/one", options);
  expect_whole();
  leave_part(weights.size());
  std::ofstream(part, std::ios::binary) << std::string(weights.size() + 5, 'x');
  Store store(root);
  store.remove("org/one");
  leave_part(weights.size());
  std::ofstream(part, std::ios::binary) << std::string(weights.size(), 'x');
  store.pull("org/one", options);
  expect_whole();
}

TEST_F(PullTest, ANewRevisionFetchesWhatChanged) {
  Store store(root);
  store.pull("org/one", options);
  config = R"({"model_type":"newer"})";
  mirror.publish("org/one", {{"config.json", {config, false}}, {"model.safetensors", {weights}}},
                 std::string(40, 'b'));
  mirror.forget();
  const PullResult result = store.pull("org/one", options);
  EXPECT_EQ(mirror.sent_bytes(), config.size());
  EXPECT_EQ(result.reused_bytes, weights.size());
  EXPECT_EQ(store.find("org/one")->revision, std::string(40, 'b'));
  expect_whole();
}

TEST_F(PullTest, NestedNamesPagesAndForeignFiles) {
  Mirror::Files files = {
      {"config.json", {config, false}},     {"model.safetensors", {weights}},
      {"pytorch_model.bin", {"pickle"}},    {"onnx/model.onnx", {"onnx"}},
      {".gitattributes", {"x", false}},     {"empty.txt", {"", false}},
      {"twice/same.json", {config, false}}, {"1_Pooling/a b#ä%.json", {"{}", false}}};
  mirror.publish("org/one", files);
  mirror.page_size = 3;
  Store store(root);
  store.pull("org/one", options);
  const fs::path folder = store.find("org/one")->folder;
  EXPECT_EQ(bytes_of(folder / "1_Pooling" / "a b#ä%.json"), "{}");
  EXPECT_EQ(bytes_of(folder / "twice" / "same.json"), config);
  EXPECT_TRUE(fs::exists(folder / "empty.txt"));
  for (const char* name : {"pytorch_model.bin", "onnx", ".gitattributes"}) {
    EXPECT_FALSE(fs::exists(folder / name)) << name;
  }
  expect_whole();
  // What is asked for comes, and what was here stays.
  options.include = {"*.bin", "onnx/*"};
  store.pull("org/one", options);
  EXPECT_EQ(bytes_of(folder / "onnx" / "model.onnx"), "onnx");
  EXPECT_EQ(bytes_of(folder / "pytorch_model.bin"), "pickle");
  expect_whole();
  store.remove("org/one");
  EXPECT_TRUE(store.list().empty());
}

TEST_F(PullTest, TakesWhatTheHuggingFaceCacheHas) {
  fs::create_directories(dir / "hub/models--org--one/blobs");
  dir.write("hub/models--org--one/blobs/" + testing::sha256(weights), weights);
  dir.write("hub/models--org--one/blobs/" + testing::git_id(config), "damaged");
  Store store(root, dir / "hub");
  EXPECT_EQ(store.pull("org/one", options).reused_bytes, weights.size());
  EXPECT_EQ(mirror.sent_bytes(), config.size());
  expect_whole();
}

TEST_F(PullTest, StopsWhileTheListComes) {
  mirror.intercept([](const Mirror::Request&, Mirror::Connection& to) { return !to.wait(60'000); });
  options.progress = [](uint64_t, uint64_t) { return false; };
  EXPECT_ERROR(Store(root).pull("org/one", options), ErrorCode::cancelled, "stopped");
}

TEST_F(PullTest, OneGgufOfSeveral) {
  mirror.publish("org/two", {{"m-q4_0.gguf", {"four"}},
                             {"m-q8_0-00001-of-00002.gguf", {"eight"}},
                             {"m-q8_0-00002-of-00002.gguf", {"more"}},
                             {"config.json", {"{}", false}}});
  Store store(root);
  EXPECT_ERROR(store.pull("org/two", options), ErrorCode::invalid_argument,
               "choose with --include, such as 'm-q4_0.gguf'");
  options.include = {"*q4_0.gguf"};
  store.pull("org/two", options);
  EXPECT_EQ(bytes_of(store.find("org/two")->folder / "m-q4_0.gguf"), "four");
  options.include = {"*q5*"};
  EXPECT_ERROR(store.pull("org/two", options), ErrorCode::not_found, "no file that matches");
  EXPECT_FALSE(fs::exists(root / "downloads" / "org--two"));
}

TEST_F(PullTest, ModelScope) {
  options.hub = PullOptions::Hub::modelscope;
  options.token = "secret";
  Store store(root);
  EXPECT_EQ(store.pull("org/one", options).model.revision, "master");
  expect_whole();
  for (const auto& request : mirror.requests()) {
    EXPECT_EQ(request.header("authorization"), "Bearer secret");
  }
}

TEST_F(PullTest, OneAtATime) {
  Store store(root);
  options.progress = [&](uint64_t, uint64_t) {
    PullOptions other = options;
    other.progress = {};
    EXPECT_ERROR(Store(root).pull("org/one", other), ErrorCode::invalid_argument,
                 "pulled by another process");
    return false;
  };
  mirror.bytes_per_ms = 100;
  EXPECT_THROW(store.pull("org/one", options), Error);
}

TEST_F(PullTest, RefusesWhatCannotBe) {
  Store store(root);
  EXPECT_ERROR(store.pull("../one", options), ErrorCode::invalid_argument, "no model id");
  EXPECT_ERROR(store.pull("org/none", options), ErrorCode::not_found, "answers 404");
  options.revision = "../main";
  EXPECT_ERROR(store.pull("org/one", options), ErrorCode::invalid_argument, "no revision");
  options.revision.clear();
  options.endpoint = "ftp://127.0.0.1";
  EXPECT_ERROR(store.pull("org/one", options), ErrorCode::invalid_argument, "the endpoint is");
  options.endpoint = "HTTP://mirror.example";
  options.token = "secret";
  EXPECT_ERROR(store.pull("org/one", options), ErrorCode::invalid_argument, "unencrypted");
  options.endpoint = "http://127.0.0.1:1";
  EXPECT_ERROR(store.pull("org/one", options), ErrorCode::io, "127.0.0.1");
  EXPECT_TRUE(store.list().empty());
  EXPECT_TRUE(!fs::exists(root / "downloads") || fs::is_empty(root / "downloads"));
}

TEST_F(PullTest, AModelInUseIsReplacedInOneStep) {
  Store store(root);
  store.pull("org/one", options);
  std::atomic<bool> stop = false;
  std::thread reader([&] {
    while (!stop) EXPECT_TRUE(fs::exists(root / "models" / "org--one" / "config.json"));
  });
  for (int i = 0; i < 20; ++i) {
    config = std::string(100, static_cast<char>('a' + i));
    mirror.publish("org/one", {{"config.json", {config, false}}, {"model.safetensors", {weights}}},
                   std::string(40, static_cast<char>('a' + i % 6)));
    store.pull("org/one", options);
  }
  stop = true;
  reader.join();
  expect_whole();
}

// What a kill between the last two steps leaves, on a file system that cannot exchange folders.
TEST_F(PullTest, AFinishedDownloadIsPublishedAtTheNextStart) {
  {
    Store store(root);
    store.pull("org/one", options);
    fs::create_directories(root / "downloads" / "org--one");
    fs::rename(root / "models" / "org--one", root / "downloads" / "org--one" / "ready");
  }
  expect_whole();
}

}  // namespace
}  // namespace ominix
