#include "weights/scope.h"

#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "base/json.h"
#include "kernels/device.h"
#include "support/expect_error.h"
#include "support/memory_tensors.h"

namespace ominix::weights {
namespace {

using testing::stored;

std::vector<float> values(array a) {
  a.eval();
  return {a.data<float>(), a.data<float>() + a.size()};
}

class Weights : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { kernels::start({}); }

  static std::unique_ptr<Source> source() {
    TensorMap t;
    t.emplace("a.weight", stored({2, 3}, {1, 2, 3, 4, 5, 6}));
    t.emplace("a.bias", stored({2}, {7, 8}));
    t.emplace("b.0.weight", stored({2}, {9, 10}));
    return make_source(std::move(t), std::nullopt, "model");
  }
};

TEST_F(Weights, ScopesFindTensorsByPath) {
  Loader loader(source());
  const Scope w(loader);
  EXPECT_EQ(values((w / "a").tensor("bias", {2})), (std::vector<float>{7, 8}));
  EXPECT_EQ(values((w / "b" / 0).tensor("weight", {2})), (std::vector<float>{9, 10}));
  EXPECT_EQ(values((w / "a").matrix(2, 3).dequantize()), (std::vector<float>{1, 2, 3, 4, 5, 6}));
  EXPECT_TRUE((w / "a").has("bias"));
  EXPECT_FALSE((w / "a").has("scales"));
  EXPECT_NO_THROW(loader.finish());
}

TEST_F(Weights, FinishNamesEverythingThatDoesNotFit) {
  Loader loader(source());
  const Scope w(loader);
  (w / "a").matrix(3, 2);
  (w / "c").tensor("weight", {5});
  (w / "d").matrix(5, 5);
  EXPECT_ERROR(loader.finish(), ErrorCode::corrupt_data, "tensor 'a.weight' has shape (2, 3), expected (3, 2)");
  EXPECT_ERROR(loader.finish(), ErrorCode::corrupt_data, "tensor 'c.weight' is missing, expected (5)");
  EXPECT_ERROR(loader.finish(), ErrorCode::corrupt_data, "tensor 'd.weight' is missing, expected (5, 5)");
  EXPECT_ERROR(loader.finish(), ErrorCode::corrupt_data, "tensors that the model does not have: 'a.bias', 'b.0.weight'");
}

TEST_F(Weights, ReportsProgress) {
  std::vector<uint64_t> seen;
  Loader loader(source(), [&](uint64_t bytes) { seen.push_back(bytes); });
  const Scope w(loader);
  (w / "a").matrix(2, 3);
  (w / "a").tensor("bias", {2});
  EXPECT_EQ(seen, (std::vector<uint64_t>{24, 32}));
}

TEST_F(Weights, JoinedRowsReadAcrossParts) {
  Loader loader(source());
  const Scope w(loader);
  const auto a = *(w / "a").matrix_source(2, 3);
  const auto joined = join_rows({a, a, a});
  EXPECT_EQ(joined.rows, 6);
  std::vector<float> rows(9);
  joined.read(0, 1, 3, reinterpret_cast<std::byte*>(rows.data()));
  EXPECT_EQ(rows, (std::vector<float>{4, 5, 6, 1, 2, 3, 4, 5, 6}));
}

TEST_F(Weights, PackedFormNeedsItsPlanes) {
  TensorMap t;
  StoredTensor packed = stored({2, 8}, std::vector<float>(16));
  packed.type = DType::u32;
  t.emplace("a.weight", packed);
  t.emplace("a.scales", stored({2, 1}, {1, 1}));
  const auto finish = [&](std::optional<QuantizationConfig> q) {
    Loader loader(make_source(t, std::move(q), "folder"));
    (Scope(loader) / "a").matrix(2, 64);
    loader.finish();
  };
  EXPECT_ERROR(finish(std::nullopt), ErrorCode::corrupt_data, "config.json has no \"quantization\"");
  EXPECT_ERROR(finish(QuantizationConfig{}), ErrorCode::corrupt_data, "tensor 'a.biases' is missing from folder");
  t.emplace("a.biases", stored({2, 1}, {0, 0}));
  EXPECT_NO_THROW(finish(QuantizationConfig{}));
  EXPECT_ERROR(finish(QuantizationConfig{{.bits = 8}, {}}), ErrorCode::corrupt_data,
               "tensor 'a.weight' has shape (2, 8), expected (2, 16) (8 bits, groups of 64)");
}

TEST_F(Weights, SyntheticValuesDependOnTheNameAlone) {
  const auto tensor = [](uint64_t seed, const char* name) {
    Loader loader(make_synthetic_source({.seed = seed, .quantization = std::nullopt}));
    return values((Scope(loader) / name).matrix(40, 30).dequantize());
  };
  EXPECT_EQ(tensor(1, "a"), tensor(1, "a"));
  EXPECT_NE(tensor(1, "a"), tensor(1, "b"));
  EXPECT_NE(tensor(1, "a"), tensor(2, "a"));
  double squares = 0;
  for (float x : tensor(1, "a")) squares += x * x;
  EXPECT_NEAR(std::sqrt(squares / 1200), 1.2 / std::sqrt(30), 0.02);
}

TEST(QuantizationConfig, ReadsOverridesAndRefusesOthers) {
  const auto read = [](const char* text) { return read_quantization(Json::parse(text)); };
  EXPECT_FALSE(read("{}"));
  const auto q = read(R"({"quantization": {"bits": 4, "group_size": 64,
      "model.a": {"bits": 8, "group_size": 32}, "model.b": false, "mode": "affine"}})");
  ASSERT_TRUE(q);
  EXPECT_EQ(q->fallback.bits, 4);
  EXPECT_EQ(q->modules.at("model.a").bits, 8);
  EXPECT_EQ(q->modules.at("model.a").group_size, 32);
  EXPECT_FALSE(q->modules.contains("model.b"));
  EXPECT_ERROR(read(R"({"quantization_config": {"quant_method": "gptq"}})"), ErrorCode::unsupported, "\"gptq\"");
  EXPECT_ERROR(read(R"({"quantization": {"bits": 7}})"), ErrorCode::unsupported, "7 bits in groups of 64");
  EXPECT_ERROR(read(R"({"quantization": {"mode": "magic"}})"), ErrorCode::unsupported, "\"magic\"");
  EXPECT_ERROR(read(R"({"quantization": 4})"), ErrorCode::corrupt_data, "not an object");
}

}  // namespace
}  // namespace ominix::weights
