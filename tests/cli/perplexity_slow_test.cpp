#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>

#include "cli/process.h"

namespace ominix::testing {
namespace {

using Json = nlohmann::json;

// A real model on a real text, against transformers in float32 on the dequantized weights.
TEST(CliPerplexity, OfSmolLM2IsThatOfTheReference) {
  const char* models = std::getenv("OMINIX_TEST_MODELS");
  if (!models)
    GTEST_SKIP() << "OMINIX_TEST_MODELS names no folder with SmolLM2; make test-full does";
  const Json reference = Json::parse(std::ifstream(test_file("data/perplexity.json")));
  const Ran ran =
      run({"perplexity", std::string(models) + "/" + reference["model"].get<std::string>(),
           "--file", test_file("data/wikitext2.txt"), "--windows", "20", "--exact", "--json"});
  ASSERT_EQ(ran.status, 0) << ran.err;
  const Json ours = Json::parse(ran.out);
  const double expected = reference["perplexity"], found = ours["perplexity"];
  std::printf("perplexity: ours %.5f, %s %.5f, apart by %.4f %%\n", found,
              reference["reference"].get<std::string>().c_str(), expected,
              100 * std::abs(found / expected - 1));
  EXPECT_EQ(ours["tokens"], reference["tokens"]);
  EXPECT_EQ(ours["text_tokens"], reference["text_ids"]);
  EXPECT_LT(std::abs(found / expected - 1), 1e-3);
}

}  // namespace
}  // namespace ominix::testing
