#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <nlohmann/json.hpp>

#include "cli/process.h"

namespace ominix::testing {
namespace {

using ::testing::HasSubstr;
using Json = nlohmann::json;

const std::string kModel = test_file("data/stories260k/hf");

Json bench(std::vector<std::string> more) {
  std::vector<std::string> words = {"bench", kModel, "-p", "8", "-n", "4", "-r", "1", "--json"};
  words.insert(words.end(), more.begin(), more.end());
  const Ran ran = run(words);
  EXPECT_EQ(ran.status, 0) << ran.err;
  return Json::parse(ran.out, nullptr, false);
}

TEST(CliBench, ReportsWhatTheContractNames) {
  const Json r = bench({"--threads", "1"});
  for (const char* name : {"prefill_tps", "decode_tps", "bytes_per_token", "roofline_gbps",
                           "roofline_share", "peak_memory_bytes"}) {
    EXPECT_GT(r.value(name, 0.0), 0.0) << name;
  }
  EXPECT_EQ(r["device"], "cpu");
  EXPECT_EQ(r["threads"], 1);
  EXPECT_EQ(r["parameters"], 260032);
  // float32 matrices, the tied embedding once, and 8 rows a layer that fill up gate and up (2 x 172
  // rows) to whole panels; keys and values of 8 + 2 tokens in 5 layers of 4 heads.
  const uint64_t weights = (260032 - 11 * 64 + 5 * 8 * 64) * 4, history = 10 * 5 * 4 * 16 * 4;
  EXPECT_EQ(r["bytes_per_token"], weights + history);
}

TEST(CliBench, SharesTheWeightsOfABatch) {
  const Json one = bench({}), four = bench({"-b", "4", "-p", "12"});
  EXPECT_LT(four["bytes_per_token"], one["bytes_per_token"].get<uint64_t>() / 3);
  EXPECT_EQ(four["batch"], 4);
  const Json prefill = bench({"-n", "0"});
  EXPECT_EQ(prefill["decode_tps"], 0.0);
  EXPECT_GT(prefill["prefill_tps"], 0.0);
}

TEST(CliBench, TakesRandomWeightsOfAConfig) {
  const Json dense = bench({"--synthetic", "7"});
  const Json packed = bench({"--synthetic", "7", "--bits", "4", "--group-size", "32"});
  EXPECT_EQ(dense["parameters"], 260032);
  EXPECT_LT(packed["bytes_per_token"], dense["bytes_per_token"].get<uint64_t>() / 2);
  EXPECT_EQ(
      run({"bench", kModel + "/config.json", "--synthetic", "7", "-p", "2", "-n", "1"}).status, 0);
}

TEST(CliBench, RefusesWhatItCannotDo) {
  EXPECT_EQ(run({"bench"}).status, 2);
  EXPECT_EQ(run({"bench", kModel, "-p", "0"}).status, 2);
  EXPECT_EQ(run({"bench", kModel, "-n", "many"}).status, 2);
  EXPECT_EQ(run({"bench", kModel, "--batch=1.5"}).status, 2);
  EXPECT_EQ(run({"bench", kModel, "-q", "1"}).status, 2);
  const Ran alone = run({"bench", kModel, "--bits", "4"});
  EXPECT_EQ(alone.status, 2);
  EXPECT_THAT(alone.err, HasSubstr("--synthetic"));
  const Ran bits = run({"bench", kModel, "--synthetic", "1", "--bits", "7", "--json"});
  EXPECT_EQ(bits.status, 1);
  EXPECT_THAT(bits.err, HasSubstr("7 bits"));
  EXPECT_EQ(Json::parse(bits.out)["ok"], false);
  const Ran absent = run({"bench", "no-such-model"});
  EXPECT_EQ(absent.status, 1);
  EXPECT_THAT(absent.err, HasSubstr("no file, folder or model 'no-such-model'"));
}

TEST(CliBench, StopsOnInterrupt) {
  Process process({"bench", kModel, "-p", "16", "-n", "300000", "-r", "1000", "-v"});
  ASSERT_TRUE(process.wait_for("loaded")) << process.err();
  process.signal(SIGINT);
  EXPECT_EQ(process.wait(), 130);
  EXPECT_EQ(process.out(), "");
}

}  // namespace
}  // namespace ominix::testing
