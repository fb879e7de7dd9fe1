#include <gtest/gtest.h>
#include <ominix/engine.h>
#include <ominix/inspect.h>

#include <nlohmann/json.hpp>

#include "base/file.h"
#include "base/json.h"
#include "support/expect_error.h"
#include "support/temp_dir.h"

namespace ominix {
namespace {

const std::filesystem::path kStories = std::filesystem::path(OMINIX_TEST_DATA) / "data/stories260k";

class Loading : public ::testing::Test {
 protected:
  // A copy of the HF form whose config.json went through `change`.
  template <class F>
  std::filesystem::path changed(F change) {
    std::filesystem::copy(kStories / "hf", dir_ / "m",
                          std::filesystem::copy_options::recursive |
                              std::filesystem::copy_options::overwrite_existing);
    Json config = parse_json(read_text(dir_ / "m" / "config.json"), "config.json");
    change(config);
    write_atomic(dir_ / "m" / "config.json", config.dump());
    return dir_ / "m";
  }

  testing::TempDir dir_;
  Engine engine_;
};

TEST_F(Loading, MissingFilesAreNamed) {
  EXPECT_ERROR(engine_.load(dir_ / "nowhere"), ErrorCode::not_found, "nowhere");
  EXPECT_ERROR(engine_.load(dir_.path()), ErrorCode::not_found, "config.json");
  dir_.write("config.json", R"({"model_type": "llama"})");
  EXPECT_ERROR(engine_.load(dir_.path()), ErrorCode::not_found, "safetensors");
  EXPECT_ERROR(engine_.load(dir_.write("model.bin", "x")), ErrorCode::unsupported, "model.bin");
}

TEST_F(Loading, TruncatedGgufIsRefused) {
  const std::string whole = read_text(kStories / "stories260K-f32.gguf");
  for (const size_t size :
       {size_t{0}, size_t{3}, size_t{20}, size_t{5000}, whole.size() / 2, whole.size() - 1}) {
    const auto path = dir_.write("cut.gguf", whole.substr(0, size));
    EXPECT_ERROR(engine_.load(path), ErrorCode::corrupt_data, "cut.gguf");
  }
}

TEST_F(Loading, UnknownArchitectureIsNamedWithThoseKnown) {
  EXPECT_ERROR(engine_.load(changed([](Json& c) { c["model_type"] = "gpt5"; })),
               ErrorCode::unsupported, "model_type 'gpt5' is not supported; this build knows ");
  EXPECT_ERROR(engine_.load(changed([](Json& c) { c.erase("model_type"); })),
               ErrorCode::corrupt_data, "'model_type' is missing");
}

TEST_F(Loading, WrongShapesAreNamed) {
  EXPECT_ERROR(engine_.load(changed([](Json& c) { c["intermediate_size"] = 176; })),
               ErrorCode::corrupt_data,
               "'model.layers.0.mlp.gate_proj.weight' has shape (172, 64), expected (176, 64)");
  EXPECT_ERROR(engine_.load(changed([](Json& c) { c["num_hidden_layers"] = 6; })),
               ErrorCode::corrupt_data, "'model.layers.5.input_layernorm.weight' is missing");
  EXPECT_ERROR(engine_.load(changed([](Json& c) { c["num_hidden_layers"] = 4; })),
               ErrorCode::corrupt_data, "tensors that the model does not have: 'model.layers.4.");
  EXPECT_ERROR(engine_.load(changed([](Json& c) { c["tie_word_embeddings"] = false; })),
               ErrorCode::corrupt_data, "'lm_head.weight' is missing");
}

TEST_F(Loading, ConfigValuesAreChecked) {
  const std::pair<const char*, Json> wrong[] = {
      {"hidden_size", 0},
      {"hidden_size", -64},
      {"hidden_size", "big"},
      {"num_hidden_layers", 1'000'000'000},
      {"num_attention_heads", 7},
      {"num_key_value_heads", 3},
      {"vocab_size", 1e308},
      {"rms_norm_eps", "x"},
      {"rope_theta", 0},
      {"hidden_act", "relu"},
      {"head_dim", 7},
      {"rope_scaling", Json{{"rope_type", "linear"}, {"factor", 0}}}};
  for (const auto& [key, value] : wrong) {
    EXPECT_ERROR(engine_.load(changed([&](Json& c) { c[key] = value; })), ErrorCode::corrupt_data,
                 "config.json");
  }
  EXPECT_ERROR(engine_.load(changed([](Json& c) { c["rope_scaling"] = {{"rope_type", "magic"}}; })),
               ErrorCode::unsupported, "rope type 'magic'");
  dir_.write("m/config.json", "{");
  EXPECT_ERROR(engine_.load(dir_ / "m"), ErrorCode::corrupt_data, "config.json: not valid JSON");
}

TEST_F(Loading, KeysNobodyReadAreReported) {
  const auto model = engine_.load(changed([](Json& c) { c["sliding_layers"] = 3; }));
  ASSERT_EQ(model->info().warnings.size(), 1u);
  EXPECT_NE(model->info().warnings[0].find("'sliding_layers' is not used"), std::string::npos);
}

TEST_F(Loading, NoMemoryForTheModelOrTheRequest) {
  Engine tiny({.memory_budget = 500'000});
  EXPECT_ERROR(tiny.load(kStories / "hf"), ErrorCode::out_of_memory,
               "needs 1 MB of memory, 0 MB are free");
  Engine small({.memory_budget = 4 << 20});
  const auto model = small.load(kStories / "hf");
  auto stream = small.generate(model, {.prompt = {1}, .max_tokens = 100'000});
  EXPECT_ERROR(stream.next(), ErrorCode::out_of_memory, "MB of state");
  auto fits = small.generate(model, {.prompt = {1}, .max_tokens = 3, .ignore_stop_ids = true});
  int tokens = 0;
  while (auto piece = fits.next()) tokens += static_cast<int>(piece->ids.size());
  EXPECT_EQ(tokens, 3);
}

TEST_F(Loading, InspectReadsWithoutLoading) {
  const ModelSummary hf = inspect(kStories / "hf");
  EXPECT_EQ(hf.family, "llama");
  EXPECT_EQ(hf.quantization, "none");
  EXPECT_EQ(hf.context, 512);
  EXPECT_TRUE(hf.tokenizer);
  EXPECT_FALSE(hf.chat_template);
  const ModelSummary q8 = inspect(kStories / "stories260K-q8_0.gguf");
  EXPECT_EQ(q8.quantization, "q8_0");
  EXPECT_EQ(q8.parameters, hf.parameters);
  EXPECT_EQ(q8.tensors.size(), hf.tensors.size());
}

}  // namespace
}  // namespace ominix
