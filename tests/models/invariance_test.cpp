#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/file.h"
#include "base/json.h"
#include "formats/gguf.h"
#include "kernels/device.h"
#include "kernels/eval.h"
#include "mlx/ops.h"
#include "models/family.h"
#include "runtime/engine_thread.h"
#include "weights/scope.h"

// What batching, prompts in pieces and prefix reuse rest on: the bytes of a text's logits depend on
// the text alone. On every instruction set, and with one thread or two.
namespace ominix::models {
namespace {

namespace mx = mlx::core;
using kernels::Arithmetic;
using kernels::Isa;

constexpr int kTokens = 70;

std::unique_ptr<TextModel> tiny_model() {
  const Json config = {{"model_type", "llama"},    {"vocab_size", 96},
                       {"hidden_size", 128},       {"intermediate_size", 192},
                       {"num_hidden_layers", 2},   {"num_attention_heads", 4},
                       {"num_key_value_heads", 2}, {"tie_word_embeddings", true}};
  weights::Loader loader(weights::make_synthetic_source({.quantization = weights::Quantization{}}));
  ConfigReader reader(config, "config");
  return family_for(config).load_text(reader, weights::Scope(loader));
}

std::vector<int32_t> text(int number) {
  std::vector<int32_t> ids(kTokens);
  for (int i = 0; i < kTokens; i++) ids[i] = (i * i + 7 * i * number + 31 * number) % 96;
  return ids;
}

// Logits (tokens, V) of all tokens of text 0, which runs beside `others` texts in pieces of
// `piece`.
std::vector<float> logits(const TextModel& model, int others, int piece) {
  std::vector<std::vector<int32_t>> texts;
  std::vector<std::vector<kernels::KvState>> states(others + 1);
  for (int i = 0; i <= others; i++) {
    texts.push_back(text(i));
    for (const kernels::KvSpec& spec : model.state_spec()) states[i].emplace_back(spec);
  }
  // Text 0 stands in the middle, and the others take pieces of other lengths where they can.
  const int middle = others / 2;
  std::swap(texts[0], texts[middle]);
  std::vector<int> done(others + 1, 0);
  std::vector<float> out;
  while (done[middle] < kTokens) {
    std::vector<int32_t> ids;
    std::vector<nn::Row> rows;
    int at = 0;
    for (int i = 0; i <= others; i++) {
      const int wanted = i == middle ? piece : 1 + (piece + i) % 3;
      const int length = std::min(wanted, kTokens - done[i]);
      if (length == 0) continue;
      if (i == middle) at = static_cast<int>(ids.size());
      ids.insert(ids.end(), texts[i].begin() + done[i], texts[i].begin() + done[i] + length);
      rows.push_back({length, done[i], kTokens, &states[i]});
      done[i] += length;
    }
    const int length = std::min(piece, kTokens - static_cast<int>(out.size()) / 96);
    nn::Pass pass(std::move(rows));
    mx::array hidden =
        model.forward(mx::array(ids.data(), {static_cast<int>(ids.size())}, mx::int32), pass);
    mx::array result = mx::contiguous(mx::slice(model.logits(hidden), {at, 0}, {at + length, 96}));
    kernels::eval({result});
    out.insert(out.end(), result.data<float>(), result.data<float>() + result.size());
  }
  return out;
}

void expect_invariance(Arithmetic arithmetic) {
  const kernels::ArithmeticScope scope(arithmetic);
  const auto model = tiny_model();
  kernels::start({.threads = 1});
  const std::vector<float> alone = logits(*model, 0, kTokens);
  ASSERT_EQ(alone.size(), size_t{kTokens} * 96);
  struct Case {
    int threads, piece, others;
  };
  for (const auto& [threads, piece, others] : {Case{1, 1, 0},
                                               {1, 5, 0},
                                               {1, 64, 0},
                                               {1, kTokens, 1},
                                               {1, kTokens, 16},
                                               {2, kTokens, 0},
                                               {2, 1, 1},
                                               {2, 1, 7},
                                               {2, 5, 2},
                                               {2, 5, 16},
                                               {2, 64, 7}}) {
    kernels::start({.threads = threads});
    const std::vector<float> beside = logits(*model, others, piece);
    ASSERT_EQ(beside.size(), alone.size());
    EXPECT_EQ(std::memcmp(beside.data(), alone.data(), alone.size() * sizeof(float)), 0)
        << threads << " threads, pieces of " << piece << ", beside " << others;
  }
}

class Invariance : public ::testing::TestWithParam<std::tuple<Isa, Arithmetic>> {};

TEST_P(Invariance, ATextIsItself) {
  runtime::EngineThread::instance().call([] {
    const auto [isa, arithmetic] = GetParam();
    kernels::start();
    kernels::set_isa(isa);
    expect_invariance(arithmetic);
    kernels::set_isa(kernels::best_isa());
    kernels::start();
  });
}

INSTANTIATE_TEST_SUITE_P(Everywhere, Invariance,
                         ::testing::Combine(::testing::ValuesIn(kernels::usable_isas()),
                                            ::testing::Values(Arithmetic::fast, Arithmetic::exact)),
                         [](const auto& info) {
                           return std::string(kernels::to_string(std::get<0>(info.param))) +
                                  (std::get<1>(info.param) == Arithmetic::fast ? "_fast"
                                                                               : "_exact");
                         });

// Every operation of a step is ours, or too small to matter.
void expect_own_operations(const TextModel& model) {
  for (const int tokens : {1, 64}) {
    std::vector<kernels::KvState> states;
    for (const kernels::KvSpec& spec : model.state_spec()) states.emplace_back(spec);
    nn::Pass pass({{tokens, 0, tokens, &states}});
    const std::vector<int32_t> ids(tokens, 3);
    const mx::array logits =
        model.logits(model.forward(mx::array(ids.data(), {tokens}, mx::int32), pass));
    const auto operations = kernels::operations({logits});
    EXPECT_GT(operations.size(), 10u);
    for (const kernels::Operation& op : operations) {
      // MLX's way costs about 20 us a node and 1 ns an element: nothing that grows with the width.
      EXPECT_TRUE(op.own || op.elements < 64) << op.name << " of " << op.elements << " elements";
    }
  }
}

TEST(Operations, TextModelsRunOnOurOwn) {
  // Dense decoders; what mixtures of experts choose by is MLX's still.
  static constexpr std::string_view kFamilies[] = {"glm4-", "llama-", "mistral-", "qwen2-",
                                                   "qwen3-"};
  int models = 0;
  for (const auto& entry : std::filesystem::directory_iterator(OMINIX_TEST_DATA "/goldens")) {
    const std::filesystem::path file = entry.path() / "config.json";
    const std::string name = entry.path().filename().string();
    const auto begins = [&](std::string_view prefix) { return name.starts_with(prefix); };
    if (!std::ranges::any_of(kFamilies, begins) || !std::filesystem::exists(file)) continue;
    SCOPED_TRACE(name);
    runtime::EngineThread::instance().call([&] {
      kernels::start();
      const Json config = parse_json(read_text(file), "config.json");
      const Family& family = family_for(config);
      if (!family.load_text) return;
      weights::Loader loader(weights::make_synthetic_source({}));
      ConfigReader reader(config, "config.json");
      expect_own_operations(*family.load_text(reader, weights::Scope(loader)));
      models++;
    });
  }
  EXPECT_GE(models, 5);
}

}  // namespace
}  // namespace ominix::models
