#include "store/hub.h"

#include <gtest/gtest.h>

#include <array>
#include <cstdlib>

#include "store/download.h"
#include "store/names.h"
#include "support/expect_error.h"

namespace ominix::store {
namespace {

// B22: a redirect may not leave https.
TEST(Urls, RedirectsKeepToTheRules) {
  EXPECT_EQ(resolve_url("https://a.b/c/d", "/e"), "https://a.b/e");
  EXPECT_EQ(resolve_url("https://a.b/c/d", "e?x=1"), "https://a.b/c/e?x=1");
  EXPECT_EQ(resolve_url("https://a.b/c", "https://cdn.example/x"), "https://cdn.example/x");
  EXPECT_EQ(resolve_url("http://a.b/c", "https://a.b/c"), "https://a.b/c");
  EXPECT_EQ(resolve_url("https://a.b/c", "//cdn.example/x"), "https://cdn.example/x");
  EXPECT_ERROR(resolve_url("https://a.b/c", "http://a.b/c"), ErrorCode::corrupt_data,
               "expected https");
  EXPECT_ERROR(resolve_url("https://a.b/c", "file:///etc/x"), ErrorCode::corrupt_data,
               "expected https");
  EXPECT_ERROR(resolve_url("http://a.b/c", "ftp://a.b/c"), ErrorCode::corrupt_data,
               "expected https");
  EXPECT_ERROR(resolve_url("http://a.b/c", "http://a@b.c/"), ErrorCode::corrupt_data,
               "user's name");
  EXPECT_ERROR(resolve_url("http://a.b/c", "http://a b/"), ErrorCode::corrupt_data, "no URL");
}

TEST(Urls, OriginsAndEndpoints) {
  EXPECT_EQ(origin_of("https://HuggingFace.co/x?y"), "https://huggingface.co:443");
  EXPECT_EQ(origin_of("http://h:8080"), "http://h:8080");
  for (const char* url : {"", "ftp://h", "https://", "https://user@h", "file:///x", "://"}) {
    EXPECT_ERROR(origin_of(url), ErrorCode::invalid_argument, "expected https://HOST");
  }
  EXPECT_TRUE(is_loopback_url("http://localhost:80/x"));
  EXPECT_TRUE(is_loopback_url("http://127.1.2.3"));
  EXPECT_TRUE(is_loopback_url("http://[::1]:8080"));
  EXPECT_FALSE(is_loopback_url("http://10.0.0.1"));
  EXPECT_FALSE(is_loopback_url("http://localhost.example"));
  EXPECT_FALSE(is_loopback_url("http://127.0.0.1.example"));
}

TEST(Urls, AddressesByHowPrivateTheyAre) {
  const auto v4 = [](uint32_t a, uint32_t b, uint32_t c, uint32_t d) {
    return privacy_of_ipv4(a << 24 | b << 16 | c << 8 | d);
  };
  EXPECT_EQ(v4(8, 8, 8, 8), 0);
  EXPECT_EQ(v4(172, 15, 0, 1), 0);
  EXPECT_EQ(v4(172, 16, 0, 1), 1);
  EXPECT_EQ(v4(172, 32, 0, 1), 0);
  EXPECT_EQ(v4(10, 1, 2, 3), 1);
  EXPECT_EQ(v4(192, 168, 1, 1), 1);
  EXPECT_EQ(v4(100, 64, 0, 1), 1);
  EXPECT_EQ(v4(127, 0, 0, 1), 2);
  EXPECT_EQ(v4(169, 254, 169, 254), 3);
  EXPECT_EQ(v4(0, 0, 0, 0), 3);
  EXPECT_EQ(v4(255, 255, 255, 255), 3);
  using V6 = std::array<uint8_t, 16>;
  V6 public_one = {0x20, 1, 0x48, 0x60}, loopback = {}, mapped = {}, link = {0xFE, 0x80},
     local = {0xFD}, translated = {0, 0x64, 0xFF, 0x9B};
  loopback[15] = 1;
  mapped[10] = mapped[11] = 0xFF;
  mapped[12] = 127;
  translated[12] = 10;
  EXPECT_EQ(privacy_of_ipv6(public_one), 0);
  EXPECT_EQ(privacy_of_ipv6(loopback), 2);
  EXPECT_EQ(privacy_of_ipv6(V6{}), 3);
  EXPECT_EQ(privacy_of_ipv6(mapped), 2);
  EXPECT_EQ(privacy_of_ipv6(link), 3);
  EXPECT_EQ(privacy_of_ipv6(local), 1);
  EXPECT_EQ(privacy_of_ipv6(translated), 1);
}

TEST(Urls, OfFiles) {
  PullOptions options{.endpoint = "https://h/"};
  EXPECT_EQ(file_url(options, "a/b", "main", "x y/#z.json"),
            "https://h/a/b/resolve/main/x%20y/%23z.json");
  options.hub = PullOptions::Hub::modelscope;
  EXPECT_EQ(file_url(options, "a/b", "v1", "x/y&z"),
            "https://h/api/v1/models/a/b/repo?Revision=v1&FilePath=x%2Fy%26z");
}

TEST(Urls, FromTheEnvironment) {
  ::setenv("HF_ENDPOINT", "https://mirror.example", 1);
  ::setenv("HF_TOKEN", "t", 1);
  ::setenv("MODELSCOPE_DOMAIN", "ms.example", 1);
  ::unsetenv("MODELSCOPE_API_TOKEN");
  const auto hf = PullOptions::from_environment();
  EXPECT_EQ(hf.endpoint, "https://mirror.example");
  EXPECT_EQ(hf.token, "t");
  const auto ms = PullOptions::from_environment(PullOptions::Hub::modelscope);
  EXPECT_EQ(ms.endpoint, "https://ms.example");
  EXPECT_EQ(ms.token, "");
  ::setenv("HF_ENDPOINT", "mirror", 1);
  EXPECT_ERROR(PullOptions::from_environment(), ErrorCode::invalid_argument, "'mirror'");
  ::unsetenv("HF_ENDPOINT");
  ::unsetenv("HF_TOKEN");
  ::unsetenv("MODELSCOPE_DOMAIN");
  EXPECT_EQ(PullOptions::from_environment().endpoint, "https://huggingface.co");
}

TEST(HubAnswers, Commit) {
  EXPECT_EQ(parse_commit(R"({"sha":"abc","x":1})"), "abc");
  for (const char* json : {"", "[]", "{}", R"({"sha":1})", R"({"sha":""})", R"({"sha":"../x"})",
                           R"({"sha":"a?b"})", "<html>"}) {
    EXPECT_ERROR(parse_commit(json), ErrorCode::corrupt_data, "pull: the hub's page");
  }
}

TEST(HubAnswers, Tree) {
  std::vector<StoreFile> files;
  parse_tree(R"([{"type":"directory","path":"d","oid":"x"},
                 {"type":"file","path":"a","size":3,"oid":"1234","lfs":null},
                 {"type":"file","path":"d/b","size":4,"oid":"5","lfs":{"oid":"AB","size":4}}])",
             files);
  ASSERT_EQ(files.size(), 2u);
  EXPECT_EQ(files[0], (StoreFile{"a", 3, "1234"}));
  EXPECT_EQ(files[1], (StoreFile{"d/b", 4, "ab"}));
  for (const char* json :
       {R"([1])", R"([{}])", R"([{"type":"file"}])", R"([{"type":"file","path":"a"}])",
        R"([{"type":"file","path":"a","size":1}])", R"({"a":[]})",
        R"([{"type":"file","path":"a","size":1,"oid":"1","lfs":{}}])",
        R"([{"type":"file","path":"a","size":1,"oid":"1","lfs":{"oid":"1","size":2}}])",
        R"([{"type":"file","path":"a","size":1,"oid":"1","lfs":[]}])"}) {
    EXPECT_ERROR(parse_tree(json, files), ErrorCode::corrupt_data, "the hub's list of files");
  }
}

TEST(HubAnswers, ModelScope) {
  const auto files = parse_modelscope(
      R"({"Code":200,"Data":{"Files":[{"Type":"tree","Path":"d"},{"Type":"blob","Path":"d/a","Size":3,"Sha256":"AA"}]}})");
  ASSERT_EQ(files.size(), 1u);
  EXPECT_EQ(files[0], (StoreFile{"d/a", 3, "aa"}));
  for (const char* json :
       {"{}", R"({"Code":404,"Message":"no"})", R"({"Data":{"Files":1}})", R"({"Data":[]})",
        R"({"Data":{"Files":[{"Type":"blob","Path":"a","Size":-1,"Sha256":"a"}]}})",
        R"({"Data":{"Files":[{"Type":"blob","Path":"a","Size":1}]}})"}) {
    EXPECT_ERROR(parse_modelscope(json), ErrorCode::corrupt_data, "the hub's list of files");
  }
}

TEST(HubAnswers, NextPage) {
  EXPECT_EQ(next_page(R"(<https://h/x?a=1>; rel="next")"), "https://h/x?a=1");
  EXPECT_EQ(next_page(R"(<a>; rel="prev", <b>; rel="next", <c>; rel="last")"), "b");
  for (const char* link : {"", "<", ">", "<a", "<a>", "<a>; rel=\"last\"", "><a"}) {
    EXPECT_EQ(next_page(link), "") << link;
  }
}

TEST(HubAnswers, ContentRange) {
  const auto range = parse_content_range("bytes 5-9/10");
  ASSERT_TRUE(range);
  EXPECT_EQ(range->first, 5u);
  EXPECT_EQ(range->last, 9u);
  EXPECT_EQ(range->total, 10u);
  EXPECT_TRUE(parse_content_range("bytes 0-0/*"));
  for (const char* text :
       {"", "bytes", "bytes 5-9", "bytes 9-5/10", "bytes 5-10/10", "bytes -5-9/10", "bytes */10",
        "items 5-9/10", "bytes 5-9/x", "bytes 5/9-10", "bytes 99999999999999999999-9/10",
        "bytes 5-9/10 ", "bytes  5-9/10"}) {
    EXPECT_FALSE(parse_content_range(text)) << text;
  }
}

// What a pull without --include takes.
TEST(ChooseFiles, WhatOminixCanUse) {
  const auto names = [](const std::vector<StoreFile>& listing,
                        const std::vector<std::string>& include = {}) {
    std::vector<std::string> out;
    for (const StoreFile& f : choose_files(listing, include, "id")) out.push_back(f.name);
    return out;
  };
  using Names = std::vector<std::string>;
  EXPECT_EQ(names({{"b.json"}, {"a.safetensors"}, {"c.bin"}, {".x"}, {"d/.y"}, {"e.onnx_data"}}),
            (Names{"a.safetensors", "b.json"}));
  // Where there is nothing else, other programs' weights may be of use.
  EXPECT_EQ(names({{"model.pt"}, {"config.yaml"}}), (Names{"config.yaml", "model.pt"}));
  EXPECT_EQ(names({{"m.gguf"}, {"README.md"}}), (Names{"README.md", "m.gguf"}));
  EXPECT_EQ(names({{"m-00001-of-00002.gguf"}, {"m-00002-of-00002.gguf"}}).size(), 2u);
  EXPECT_EQ(names({{".x"}, {"a"}, {"b"}}, {".*", "b"}), (Names{".x", "b"}));
}

TEST(Names, Revisions) {
  for (const char* good : {"main", "v1.0", "refs/pr/1", "a-b_c"})
    EXPECT_TRUE(is_revision(good)) << good;
  for (const char* bad : {"", "..", "a/../b", "/a", "a/", "a//b", "a b", "a?b", "a%2f", "ä"}) {
    EXPECT_FALSE(is_revision(bad)) << bad;
  }
}

}  // namespace
}  // namespace ominix::store
