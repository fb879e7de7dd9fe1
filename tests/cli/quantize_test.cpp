#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "cli/process.h"
#include "formats/safetensors.h"
#include "store/hash.h"
#include "support/temp_dir.h"

namespace ominix::testing {
namespace {

using ::testing::HasSubstr;
using Json = nlohmann::json;

const std::string kModel = test_file("data/stories260k/hf");

std::string sha256(const formats::Safetensors& file, const formats::TensorInfo& info) {
  std::vector<std::byte> bytes(info.bytes);
  file.read(info, 0, bytes);
  store::Hasher hash(store::HashKind::sha256);
  hash.update(bytes);
  return hash.hex();
}

size_t entries(const std::filesystem::path& folder) {
  return static_cast<size_t>(std::distance(std::filesystem::directory_iterator(folder), {}));
}

// tools/goldens/quantize.py wrote what mlx-lm makes of the model.
TEST(CliQuantize, PacksAsMlxDoes) {
  const Json expected = Json::parse(std::ifstream(test_file("data/quantize.json")));
  ASSERT_EQ(expected["cases"].size(), 15U);
  const TempDir folder;
  for (const Json& c : expected["cases"]) {
    const auto mode = c["mode"].get<std::string>();
    const int bits = c["bits"], group = c["group_size"];
    const std::string name = mode + std::to_string(bits) + "-" + std::to_string(group);
    SCOPED_TRACE(name);
    const std::string out = (folder / name).string();
    const Ran ran = run({"quantize", kModel, out, "--mode", mode, "--bits", std::to_string(bits),
                         "--group-size", std::to_string(group), "--json"});
    ASSERT_EQ(ran.status, 0) << ran.err;
    const Json r = Json::parse(ran.out);
    EXPECT_EQ(r["bits"], bits);
    EXPECT_GT(r["packed"], 0);
    EXPECT_GT(r["bytes_before"], r["bytes_after"].get<uint64_t>());
    const formats::Safetensors file(out + "/model.safetensors");
    ASSERT_EQ(file.tensors().size(), c["sha256"].size());
    for (const formats::TensorInfo& info : file.tensors()) {
      EXPECT_EQ(sha256(file, info), c["sha256"].value(info.name, "no such tensor")) << info.name;
    }
    const Json config = Json::parse(std::ifstream(out + "/config.json"));
    EXPECT_EQ(config["quantization"],
              Json({{"mode", mode}, {"bits", bits}, {"group_size", group}}));
  }
}

TEST(CliQuantize, WritesAModelThatAnswers) {
  const TempDir folder;
  const std::string out = (folder / "small").string();
  ASSERT_EQ(run({"quantize", kModel, out, "--bits", "8"}).status, 0);
  EXPECT_EQ(entries(folder.path()), 1U);
  EXPECT_EQ(entries(out), entries(kModel));
  const Ran ran = run({"run", out, "Once upon a time", "--raw", "-n", "20", "--json"});
  ASSERT_EQ(ran.status, 0) << ran.err;
  EXPECT_THAT(Json::parse(ran.out)["text"].get<std::string>(), HasSubstr("there was"));
  const Json inspected = Json::parse(run({"inspect", out, "--json"}).out);
  EXPECT_EQ(inspected["quantization"], "8-bit affine, groups of 64");
  EXPECT_EQ(inspected["parameters"], 260032);

  const Ran again = run({"quantize", out, out + "2"});
  EXPECT_EQ(again.status, 1);
  EXPECT_THAT(again.err, HasSubstr("quantized already"));
}

TEST(CliQuantize, RefusesWhatItCannotDo) {
  const TempDir folder;
  const std::string out = (folder / "out").string();
  EXPECT_EQ(run({"quantize", kModel}).status, 2);
  EXPECT_EQ(run({"quantize", kModel, out, "--bits", "9"}).status, 2);
  const Ran seven = run({"quantize", kModel, out, "--bits", "7", "--json"});
  EXPECT_EQ(seven.status, 1);
  EXPECT_EQ(Json::parse(seven.out)["code"], "invalid_argument");
  EXPECT_EQ(run({"quantize", kModel, out, "--mode", "mxfp4", "--bits", "8"}).status, 1);
  EXPECT_EQ(run({"quantize", kModel, out, "--mode", "gptq"}).status, 1);
  EXPECT_EQ(run({"quantize", test_file("data/stories260k/stories260K-f32.gguf"), out}).status, 1);
  EXPECT_EQ(run({"quantize", "no-such-model", out}).status, 1);
  EXPECT_EQ(entries(folder.path()), 0U);
  folder.write("out", "in the way");
  const Ran there = run({"quantize", kModel, out});
  EXPECT_EQ(there.status, 1);
  EXPECT_THAT(there.err, HasSubstr("is there already"));
  EXPECT_EQ(entries(folder.path()), 1U);
}

}  // namespace
}  // namespace ominix::testing
