// check, pull, list, rm and verify, as a user runs them.
#include <fmt/format.h>
#include <signal.h>

#include <nlohmann/json.hpp>

#include "store/child.h"
#include "store/pull_fixture.h"
#include "support/bytes.h"
#include "support/gguf_builder.h"

namespace ominix {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;
using testing::safetensors_bytes;

const std::string kTensor = R"({"w":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}})";

struct Commands : testing::PullTest {
  struct Ran {
    int status;
    std::string out, err;
    Json json() const { return Json::parse(out); }
  };
  Ran run(std::vector<std::string> words) {
    words.insert(words.begin(), OMINIX_COMMAND);
    testing::Child child(words, {"OMINIX_HOME=" + root.string(), "HF_ENDPOINT=" + mirror.url(),
                                 "MODELSCOPE_DOMAIN=" + mirror.url(),
                                 "HF_TOKEN=", "HF_HUB_CACHE=" + (dir / "hub").string()});
    const int status = child.wait();
    return {status, child.out(), child.err()};
  }
  static bool is_one_line(const std::string& text) {
    return text.starts_with("error: ") && text.find('\n') == text.size() - 1;
  }
};

TEST_F(Commands, CheckSaysValidOrWhy) {
  const std::string good = dir.write("good.safetensors", safetensors_bytes(kTensor, "xy")).string();
  const std::string bad = dir.write("bad.safetensors", safetensors_bytes(kTensor, "x")).string();
  const std::string gguf =
      dir.write("a.gguf", testing::GgufBuilder().key("general.architecture", "x").build()).string();
  const Ran valid = run({"check", good, gguf});
  EXPECT_EQ(valid.status, 0) << valid.err;
  EXPECT_EQ(valid.out, good + ": valid\n" + gguf + ": valid\n");
  EXPECT_EQ(valid.err, "");
  const Ran refused = run({"check", good, bad});
  EXPECT_EQ(refused.status, 1);
  EXPECT_TRUE(is_one_line(refused.err)) << refused.err;
  EXPECT_NE(refused.err.find("truncated"), std::string::npos);
  EXPECT_EQ(run({"check"}).status, 2);
  EXPECT_EQ(run({"check", good, "--no-such-option"}).status, 2);
}

TEST_F(Commands, CheckAsJson) {
  const std::string good = dir.write("good.safetensors", safetensors_bytes(kTensor, "xy")).string();
  const std::string big =
      dir.write("big.safetensors", testing::Bytes().add(~uint64_t{0}).add("{}").str()).string();
  Ran ran = run({"check", good, "--json"});
  EXPECT_EQ(ran.status, 0);
  EXPECT_EQ(ran.json(), (Json{{"file", good}, {"ok", true}, {"code", ""}, {"error", ""}}));
  ran = run({"check", "--json", big});
  EXPECT_EQ(ran.status, 1);
  EXPECT_EQ(ran.err, "");
  EXPECT_EQ(ran.json().at("ok"), false);
  EXPECT_EQ(ran.json().at("code"), "too_big");
  EXPECT_NE(ran.json().at("error").get<std::string>().find("header of"), std::string::npos);
  EXPECT_EQ(run({"check", "--json", (dir / "none").string()}).json().at("code"), "unreadable");
  // One line a file.
  ran = run({"check", "--json", good, big});
  EXPECT_EQ(std::count(ran.out.begin(), ran.out.end(), '\n'), 2);
}

TEST_F(Commands, PullListVerifyRm) {
  EXPECT_EQ(run({"list", "--json"}).json().at("models").size(), 0u);
  Ran ran = run({"pull", "org/one"});
  EXPECT_EQ(ran.status, 0) << ran.err;
  EXPECT_EQ(ran.err, "");  // no bar: this is no terminal
  const fs::path folder = ran.out.substr(0, ran.out.size() - 1);
  EXPECT_EQ(bytes_of(folder / "model.safetensors"), weights);
  ran = run({"pull", "org/one", "--json"});
  EXPECT_EQ(ran.json().at("ok"), true);
  EXPECT_EQ(ran.json().at("received_bytes"), 0);
  EXPECT_EQ(ran.json().at("folder"), folder.string());

  const Json listed = run({"list", "--json"}).json().at("models");
  ASSERT_EQ(listed.size(), 1u);
  EXPECT_EQ(listed[0].at("id"), "org/one");
  EXPECT_EQ(listed[0].at("revision"), std::string(40, 'a'));
  EXPECT_EQ(listed[0].at("bytes"), weights.size() + config.size());
  EXPECT_NE(run({"list"}).out.find("org/one"), std::string::npos);

  EXPECT_EQ(run({"verify"}).out, "org/one: as published\n");
  std::string damaged = weights;
  damaged[7] ^= 1;
  std::ofstream(folder / "model.safetensors", std::ios::binary) << damaged;
  ran = run({"verify"});
  EXPECT_EQ(ran.status, 1);
  EXPECT_TRUE(is_one_line(ran.err)) << ran.err;
  ran = run({"verify", "org/one", "--json"});
  EXPECT_EQ(ran.status, 1);
  EXPECT_EQ(ran.json().at("ok"), false);
  EXPECT_EQ(ran.json().at("models")[0].at("errors").size(), 1u);

  EXPECT_EQ(run({"rm", "org"}).status, 1);
  EXPECT_EQ(run({"rm", "*"}).status, 1);
  EXPECT_EQ(run({"rm", "org/one", "--json"}).json().at("ok"), true);
  EXPECT_EQ(run({"list"}).out, "");
  EXPECT_EQ(run({"rm", "org/one"}).status, 1);
}

TEST_F(Commands, PullChoosesHubRevisionAndFiles) {
  Ran ran = run({"pull", "org/one", "--from", "modelscope", "--include", "*.json", "--json"});
  EXPECT_EQ(ran.status, 0) << ran.err;
  EXPECT_EQ(ran.json().at("bytes"), config.size());
  EXPECT_EQ(run({"pull", "org/one", "--from", "elsewhere"}).status, 2);
  ran = run({"pull", "org/none", "--revision", "v1"});
  EXPECT_EQ(ran.status, 1);
  EXPECT_TRUE(is_one_line(ran.err)) << ran.err;
  ran = run({"pull", "org/none", "--json"});
  EXPECT_EQ(ran.status, 1);
  EXPECT_EQ(ran.json().at("code"), "not_found");
}

TEST_F(Commands, AnIdIsAModel) {
  const Ran unknown = run({"inspect", "org/one"});
  EXPECT_EQ(unknown.status, 1);
  EXPECT_NE(unknown.err.find("`ominix pull org/one`"), std::string::npos) << unknown.err;
  const std::string golden = OMINIX_TEST_DATA "/goldens/llama-llama3/";
  weights = bytes_of(golden + "model.safetensors");
  config = bytes_of(golden + "config.json");
  mirror.publish("org/one", {{"config.json", {config, false}}, {"model.safetensors", {weights}}});
  ASSERT_EQ(run({"pull", "org/one"}).status, 0);
  const Ran known = run({"inspect", "org/one", "--json"});
  EXPECT_EQ(known.status, 0) << known.err;
  EXPECT_EQ(known.json().at("family"), "llama");
}

TEST_F(Commands, AnInterruptedPullSaysNothingAndGoesOn) {
  mirror.bytes_per_ms = 500;
  testing::Child child(
      {OMINIX_COMMAND, "pull", "org/one"},
      {"OMINIX_HOME=" + root.string(), "HF_ENDPOINT=" + mirror.url(), "HF_TOKEN="});
  while (mirror.sent_bytes() < 50'000) ::usleep(1000);
  ::kill(child.pid(), SIGINT);
  EXPECT_EQ(child.wait(), 130);
  EXPECT_EQ(child.err(), "");
  mirror.bytes_per_ms = 1 << 20;
  const Json result = run({"pull", "org/one", "--json"}).json();
  EXPECT_GT(result.at("reused_bytes").get<uint64_t>(), 40'000u);
}

}  // namespace
}  // namespace ominix
