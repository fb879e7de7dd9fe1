// run, eval, perplexity, diff, inspect, doctor, completion.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <csignal>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "cli/process.h"
#include "support/temp_dir.h"

namespace ominix::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using Json = nlohmann::json;

const std::string kModel = test_file("data/stories260k/hf");
const std::string kText = test_file("data/stories260k/expected_greedy_200.txt");

Json json_of(const std::vector<std::string>& words) {
  const Ran ran = run(words);
  EXPECT_EQ(ran.status, 0) << ran.err;
  return Json::parse(ran.out, nullptr, false);
}

std::vector<std::string> story(std::vector<std::string> more) {
  std::vector<std::string> words = {"run",    kModel,    "Once upon a time", "--raw",
                                    "--json", "--exact", "--max-tokens",     "40"};
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

TEST(CliRun, ReportsWhatTheContractNames) {
  const Json r = json_of(story({}));
  for (const char* name :
       {"load_s", "prefill_s", "decode_s", "prefill_tps", "decode_tps", "peak_memory_bytes"}) {
    EXPECT_GT(r.value(name, 0.0), 0.0) << name;
  }
  EXPECT_EQ(r["prompt_tokens"], 5);
  EXPECT_EQ(r["completion_tokens"], 40);
  EXPECT_EQ(r["tokens"].size(), 40U);
  EXPECT_EQ(r["finish_reason"], "length");
  EXPECT_THAT(r["text"].get<std::string>(), HasSubstr("there was a little girl named Lily"));

  const Ran plain = run({"run", kModel, "Once upon a time", "--raw", "--exact", "-n", "40"});
  EXPECT_EQ(plain.out, r["text"].get<std::string>() + "\n");
  EXPECT_THAT(plain.err, HasSubstr("tokens at"));
}

TEST(CliRun, SamplesAsAsked) {
  const Json greedy = json_of(story({}));
  const Json one = json_of(story({"--temperature", "1", "--seed", "5"}));
  EXPECT_EQ(json_of(story({"--temperature", "1", "--seed", "5", "--threads", "1"}))["tokens"],
            one["tokens"]);
  EXPECT_NE(json_of(story({"--temperature", "1", "--seed", "6"}))["tokens"], one["tokens"]);
  // Each of these leaves only the likeliest token.
  for (const std::vector<std::string>& only :
       std::vector<std::vector<std::string>>{{"--top-k", "1"},
                                             {"--top-p", "0.000001"},
                                             {"--min-p", "1"},
                                             {"--top-n-sigma", "0.0001"}}) {
    std::vector<std::string> words = {"--temperature", "1", "--seed", "5"};
    words.insert(words.end(), only.begin(), only.end());
    EXPECT_EQ(json_of(story(words))["tokens"], greedy["tokens"]) << only[0];
  }
  // Each of these changes what is said.
  for (const std::vector<std::string>& other : std::vector<std::vector<std::string>>{
           {"--repetition-penalty", "2"},
           {"--presence-penalty", "5"},
           {"--frequency-penalty", "5"},
           {"--logit-bias", std::to_string(greedy["tokens"][0].get<int>()) + "=-100"}}) {
    EXPECT_NE(json_of(story(other))["tokens"], greedy["tokens"]) << other[0];
  }
  for (const std::vector<std::string>& valid : std::vector<std::vector<std::string>>{
           {"--typical-p", "0.5", "--temperature", "1"},
           {"--xtc-probability", "0.5", "--xtc-threshold", "0.2", "--temperature", "1"},
           {"--mirostat", "2", "--mirostat-tau", "3", "--mirostat-eta", "0.2", "--temperature",
            "1"},
           {"--dry-multiplier", "1", "--dry-base", "2", "--dry-allowed-length", "3", "--dry-window",
            "20", "--dry-breaker", "."}}) {
    EXPECT_EQ(json_of(story(valid))["completion_tokens"], 40) << valid[0];
  }
}

TEST(CliRun, StopsAtATextAndKeepsItsState) {
  const Json stopped = json_of(story({"--stop", "nothing like it", "--stop", " little"}));
  EXPECT_EQ(stopped["finish_reason"], "stop");
  EXPECT_THAT(stopped["text"].get<std::string>(), Not(HasSubstr("little")));

  const Json logprobs = json_of(story({"--logprobs", "2", "-n", "3"}));
  ASSERT_EQ(logprobs["logprobs"].size(), 3U);
  EXPECT_EQ(logprobs["logprobs"][0]["id"], logprobs["tokens"][0]);
  EXPECT_EQ(logprobs["logprobs"][0]["top"].size(), 2U);
  EXPECT_EQ(logprobs["logprobs"][0]["top"][0]["logprob"], logprobs["logprobs"][0]["logprob"]);

  const TempDir folder;
  const std::string state = (folder / "state").string();
  const Json first = json_of(story({"--state", state}));
  EXPECT_TRUE(std::filesystem::exists(state));
  EXPECT_EQ(json_of(story({"--state", state}))["tokens"], first["tokens"]);
}

TEST(CliRun, RefusesWhatItCannotDo) {
  for (const std::vector<std::string>& wrong :
       std::vector<std::vector<std::string>>{{"run"},
                                             {"run", kModel},
                                             {"run", kModel, "a", "b"},
                                             {"run", kModel, "a", "--no-such-option"},
                                             {"run", kModel, "a", "--raw=yes"},
                                             {"run", kModel, "a", "--seed"},
                                             {"run", kModel, "a", "--max-tokens", "0"},
                                             {"run", kModel, "a", "--temperature", "nan"},
                                             {"run", kModel, "a", "--top-p", "1.5"},
                                             {"run", kModel, "a", "--seed", "-1"},
                                             {"run", kModel, "a", "--logit-bias", "5"},
                                             {"run", kModel, "a", "--logprobs", "3"},
                                             {"run", kModel, "a", "--threads", "0"},
                                             {"run", kModel, "a", "--device", "tpu"},
                                             {"no-such-command"}}) {
    const Ran ran = run(wrong);
    EXPECT_EQ(ran.status, 2) << wrong.back();
    EXPECT_EQ(ran.out, "");
    EXPECT_EQ(std::ranges::count(ran.err, '\n'), 1) << ran.err;
  }
  EXPECT_EQ(run({}).status, 2);
  const Ran absent = run({"run", "no-such-model", "a", "--json"});
  EXPECT_EQ(absent.status, 1);
  EXPECT_EQ(Json::parse(absent.out)["code"], "not_found");
  const Ran system = run({"run", kModel, "a", "--system", "b"});
  EXPECT_EQ(system.status, 2);
}

TEST(CliRun, StopsOnInterruptAndWhenNobodyReads) {
  const std::vector<std::string> words = {"run",          kModel,   "Once",         "--raw",
                                          "-n",           "100000", "--logit-bias", "1=-100",
                                          "--logit-bias", "2=-100"};
  Process interrupted(words);
  ASSERT_TRUE(interrupted.wait_for("a"));
  interrupted.signal(SIGINT);
  EXPECT_EQ(interrupted.wait(), 130);

  Process closed(words);
  ASSERT_TRUE(closed.wait_for("a"));
  closed.close_output();
  EXPECT_EQ(closed.wait(), 0);
}

TEST(CliPerplexity, IsThatOfTheDefinition) {
  const Json all =
      json_of({"perplexity", kModel, "--file", kText, "--context", "32", "--exact", "--json"});
  const int windows = all["text_tokens"].get<int>() / 32;
  EXPECT_EQ(all["windows"], windows);
  EXPECT_EQ(all["tokens"], windows * 15);
  EXPECT_DOUBLE_EQ(all["perplexity"].get<double>(), std::exp(all["nll"].get<double>()));
  // A text of the model's own is hardly a surprise.
  EXPECT_GT(all["perplexity"], 1.0);
  EXPECT_LT(all["perplexity"], 8.0);
  const Json first = json_of({"perplexity", kModel, "--file", kText, "--context", "32", "--windows",
                              "2", "--exact", "--json", "--threads", "1"});
  EXPECT_EQ(first["tokens"], 30);
  EXPECT_EQ(first["windows"], 2);
  EXPECT_NE(first["nll"], all["nll"]);
}

TEST(CliPerplexity, RefusesWhatItCannotDo) {
  EXPECT_EQ(run({"perplexity", kModel}).status, 2);
  EXPECT_EQ(run({"perplexity", kModel, "--file", kText, "--context", "3"}).status, 2);
  EXPECT_EQ(run({"perplexity", kModel, "--file", "no-such-file"}).status, 1);
  const Ran shorter = run({"perplexity", kModel, "--file", "-", "--json"}, "Too short.");
  EXPECT_EQ(shorter.status, 1);
  EXPECT_THAT(shorter.err, HasSubstr("at least one window of 512"));
  EXPECT_EQ(Json::parse(shorter.out)["ok"], false);

  Process process({"perplexity", kModel, "--file", "-", "--context", "8", "-v"});
  std::string text;
  for (int i = 0; i < 20'000; ++i) text += "Lily went to the park. ";
  process.write(text);
  process.close_input();
  ASSERT_TRUE(process.wait_for("loaded")) << process.err();
  process.signal(SIGINT);
  EXPECT_EQ(process.wait(), 130);
  EXPECT_EQ(process.out(), "");
}

TEST(CliDiff, FindsTheFirstStageThatDiffers) {
  const std::string tied = test_file("goldens/qwen3-tied"),
                    untied = test_file("goldens/qwen2-tied");
  const Json same = json_of({"diff", tied, tied, "--json"});
  EXPECT_TRUE(same["first"].is_null());
  ASSERT_GT(same["stages"].size(), 8U);
  EXPECT_EQ(same["stages"][0]["name"], "embed");
  EXPECT_EQ(same["stages"][1]["name"], "layers.0.attn");
  EXPECT_EQ(same["stages"].back()["name"], "logits");
  for (const Json& stage : same["stages"]) {
    EXPECT_LT(stage["rel"], 1e-4) << stage;
    EXPECT_GE(stage["max_abs"], 0.0);
  }
  const Ran other = run({"diff", tied, untied});
  EXPECT_EQ(other.status, 1);
  EXPECT_THAT(other.out, HasSubstr("First to differ: embed"));
  EXPECT_EQ(run({"diff", tied}).status, 2);
  EXPECT_EQ(run({"diff", tied, "no-such-file"}).status, 1);
  EXPECT_EQ(run({"diff", tied, tied + "/model.safetensors"}).status, 1);
}

TEST(CliEval, WritesWholeFilesOnly) {
  const std::string golden = test_file("goldens/qwen3-tied");
  const TempDir folder;
  const std::string out = (folder / "out.safetensors").string();
  const Json done =
      json_of({"eval", golden, "--in", golden + "/golden.safetensors", "--out", out, "--json"});
  EXPECT_EQ(done["ok"], true);
  EXPECT_TRUE(std::filesystem::exists(out));
  EXPECT_EQ(run({"eval", golden, "--in", golden + "/golden.safetensors"}).status, 2);
  const Ran wrong = run(
      {"eval", golden, "--in", golden + "/model.safetensors", "--out", (folder / "none").string()});
  EXPECT_EQ(wrong.status, 1);
  EXPECT_THAT(wrong.err, HasSubstr("input_ids"));
  EXPECT_FALSE(std::filesystem::exists(folder / "none"));

  Process process({"eval", golden, "--in", golden + "/golden.safetensors", "--out",
                   (folder / "none").string(), "--max-tokens", "300000", "-v"});
  ASSERT_TRUE(process.wait_for("loaded")) << process.err();
  process.signal(SIGINT);
  EXPECT_EQ(process.wait(), 130);
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder.path()), {}), 1);
}

TEST(CliInspect, ReportsWhatTheContractNames) {
  const Json r = json_of({"inspect", kModel, "--json"});
  EXPECT_EQ(r["family"], "llama");
  EXPECT_EQ(r["task"], "text");
  EXPECT_EQ(r["parameters"], 260032);
  EXPECT_EQ(r["quantization"], "none");
  EXPECT_GT(r["tensors"].size(), 40U);
  EXPECT_EQ(run({"inspect"}).status, 2);
  EXPECT_EQ(run({"inspect", "no-such-model"}).status, 1);
}

TEST(CliDoctor, Reports) {
  const Json r = json_of({"doctor", "--json", "--threads", "1"});
  EXPECT_EQ(r["threads"], 1);
  EXPECT_GT(r["bandwidth_gbps"], 0.0);
  EXPECT_TRUE(r["gpu"].is_null() || r["gpu"].is_string());
  EXPECT_EQ(run({"doctor", "more"}).status, 2);
}

TEST(CliHelp, TeachesEveryCommand) {
  const Ran all = run({"--help"});
  EXPECT_EQ(all.status, 0);
  for (const char* name : {"run", "chat", "eval", "bench", "inspect", "quantize", "tokenize",
                           "template", "perplexity", "diff", "doctor", "completion"}) {
    EXPECT_THAT(all.out, HasSubstr(std::string("  ") + name + " "));
    const Ran one = run({name, "--help"});
    EXPECT_EQ(one.status, 0) << name;
    EXPECT_THAT(one.out, HasSubstr("Examples\n  "));
    EXPECT_EQ(run({"help", name}).out, one.out);
  }
}

TEST(CliCompletion, NamesEveryOption) {
  for (const char* shell : {"bash", "zsh", "fish"}) {
    const Ran ran = run({"completion", shell});
    EXPECT_EQ(ran.status, 0);
    for (const char* word : {"perplexity", "repetition-penalty", "top-n-sigma", "synthetic"}) {
      EXPECT_THAT(ran.out, HasSubstr(word)) << shell;
    }
  }
  EXPECT_EQ(run({"completion"}).status, 2);
  EXPECT_EQ(run({"completion", "tcsh"}).status, 2);
}

}  // namespace
}  // namespace ominix::testing
