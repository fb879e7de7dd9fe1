// The ways in which a mirror can lie about what there is.
#include "store/hostile_mirror.h"

namespace ominix {
namespace {

namespace fs = std::filesystem;
using testing::HostileMirror;
using testing::Mirror;
using Request = Mirror::Request;
using Connection = Mirror::Connection;

// Lists of files.

TEST_F(HostileMirror, B29_DuplicateNames) {
  list_by("[" + entry("a.json") + "," + entry("a.json") + "]");
  expect_refused(ErrorCode::corrupt_data, "names 'a.json' twice");
}

TEST_F(HostileMirror, B30_NamesThatLeadElsewhere) {
  options.include = {"*"};  // hidden names too
  for (const std::string& name :
       {std::string("../x"), std::string("/etc/x"), std::string("a/../../x"),
        std::string("a\\u0000b"), std::string("a\\\\b"), std::string(300, 'n'), std::string("a."),
        std::string("a "), std::string("con.json"), std::string("COM1"), std::string("a//b"),
        std::string("a/"), std::string("./a"), std::string(), std::string("a:b"),
        std::string("a\\nb"), std::string("ominix-manifest.json"),
        std::string("Ominix-Manifest.json")}) {
    list_by("[" + entry(name) + "]");
    EXPECT_ERROR(Store(root).pull("org/one", options), ErrorCode::corrupt_data,
                 "expected a plain path");
  }
  // A name that is not asked for does no harm.
  list_by(fmt::format(R"([{},{{"type":"file","path":"config.json","size":{},"oid":"{}"}}])",
                      entry("../x"), config.size(), testing::git_id(config)));
  options.include = {"config.json"};
  EXPECT_NO_THROW(Store(root).pull("org/one", options));
  Store(root).remove("org/one");
  options.include.clear();
  list_by("[" + entry("a.json") + "," + entry("A.JSON") + "]");
  EXPECT_ERROR(Store(root).pull("org/one", options), ErrorCode::corrupt_data, "twice (case aside)");
  list_by("[" + entry("a") + "," + entry("a/b") + "]");
  expect_refused(ErrorCode::corrupt_data, "is a file and a folder");
}

TEST_F(HostileMirror, B31_AHundredThousandFiles) {
  std::string list = "[";
  for (int i = 0; i < 100'000; ++i) list += (i ? "," : "") + entry(std::to_string(i));
  list_by(list + "]");
  expect_refused(ErrorCode::too_big, "more than 20000 files");
}

TEST_F(HostileMirror, B32_SizesThatCannotBe) {
  for (const char* size : {"-1", "1.5", "\"1\"", "null", "99999999999999999999", "true"}) {
    list_by("[" + entry("a", size) + "]");
    EXPECT_ERROR(Store(root).pull("org/one", options), ErrorCode::corrupt_data, "'size' is");
  }
  for (const char* size : {"9223372036854775808", "18446744073709551615"}) {
    list_by("[" + entry("a", size) + "]");
    EXPECT_ERROR(Store(root).pull("org/one", options), ErrorCode::too_big,
                 "bytes, expected at most");
  }
  list_by("[" + entry("a", "1000000000000000") + "]");  // more than any disk of ours
  expect_refused(ErrorCode::io, "are free");
}

TEST_F(HostileMirror, B33_Deep) {
  std::string path = "a";
  for (int i = 0; i < 65; ++i) path += "/a";
  list_by("[" + entry(path) + "]");
  EXPECT_ERROR(Store(root).pull("org/one", options), ErrorCode::corrupt_data,
               "expected a plain path");
  list_by(std::string(100'000, '['));
  expect_refused(ErrorCode::too_big, "deeper");
}

TEST_F(HostileMirror, B34_PagesInACircle) {
  list_by("[" + entry("a.json") + "]",
          fmt::format("Link: </api/models/org/one/tree/{}?recursive=true>; rel=\"next\"\r\n",
                      std::string(40, 'a')));
  expect_refused(ErrorCode::too_big, "more than 200 pages");
}

TEST_F(HostileMirror, B35_TheListChangesInBetween) {
  Store store(root);
  store.pull("org/one", options);
  mirror.publish("org/one", {{"model.safetensors", {weights}}}, std::string(40, 'b'));
  store.pull("org/one", options);  // the config is gone, so it goes here
  EXPECT_FALSE(fs::exists(store.find("org/one")->folder / "config.json"));
  EXPECT_TRUE(store.verify("org/one").empty());
}

TEST_F(HostileMirror, EndlessList) {
  mirror.intercept([&](const Request& r, Connection& to) {
    if (!is_list(r)) return false;
    to.send("HTTP/1.1 200 x\r\n\r\n[");
    for (int i = 0; i < 64 && to.send(std::string(1 << 20, ' ')); ++i) {
    }
    return true;
  });
  expect_refused(ErrorCode::too_big, "more than 33554432 bytes");
}

}  // namespace
}  // namespace ominix
