#include <gtest/gtest.h>
#include <ominix/engine.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>

#include "base/file.h"
#include "base/json.h"
#include "formats/gguf.h"
#include "models/family.h"
#include "support/collect.h"
#include "support/eval_ids.h"
#include "support/expect_error.h"
#include "support/golden.h"
#include "support/temp_dir.h"
#include "weights/synthetic_folder.h"

// What every family must do, on random weights in 4 bits at the shapes of its golden cases. A
// family gets these tests by having them.
namespace ominix {
namespace {

const std::filesystem::path kGoldens = std::filesystem::path(OMINIX_TEST_DATA) / "goldens";

std::vector<std::string> golden_cases() {
  std::vector<std::string> out;
  for (const auto& entry : std::filesystem::directory_iterator(kGoldens)) {
    const std::string name = entry.path().filename().string();
    const bool packed = name.starts_with("packed-");  // other tests' matter
    if (!packed && std::filesystem::exists(entry.path() / "config.json")) out.push_back(name);
  }
  std::ranges::sort(out);
  return out;
}

Json config_of(const std::string& name) {
  return parse_json(read_text(kGoldens / name / "config.json", 1 << 20), "config.json");
}

// Two of each family are enough here.
std::vector<std::string> some_cases() {
  std::vector<std::string> out;
  std::map<std::string, int> taken;
  for (const std::string& name : golden_cases())
    if (++taken[name.substr(0, name.find('-'))] <= 2) out.push_back(name);
  return out;
}

TEST(Families, EachHasTwoGoldenCases) {
  std::map<std::string_view, int> cases;
  for (const std::string& name : golden_cases()) ++cases[models::family_for(config_of(name)).name];
  for (const models::Family& family : models::families())
    EXPECT_GE(cases[family.name], 2) << family.name;
}

class EveryFamily : public ::testing::TestWithParam<std::string> {
 protected:
  EveryFamily() {
    config_["quantization"] = {{"bits", 4}, {"group_size", 32}};
    weights::SyntheticOptions options;
    options.quantization = weights::read_quantization(config_)->fallback;
    weights::write_synthetic(folder() / "model.safetensors", options, [&](const weights::Scope& w) {
      models::ConfigReader reader(config_, "config.json");
      models::family_for(config_).load_text(reader, w);
    });
    write_config();
  }

  std::filesystem::path folder() const { return dir_.path(); }
  void write_config() const { write_atomic(folder() / "config.json", config_.dump()); }

  // The checkpoint again, with each tensor's entry changed or (when `change` says so) left out.
  template <class Change>
  void rewrite(Change change) const {
    const formats::Safetensors file(folder() / "model.safetensors");
    std::vector<formats::SafetensorsEntry> entries;
    std::vector<std::byte> data;
    for (const auto& info : file.tensors()) {
      formats::SafetensorsEntry entry{info.name, info.type, info.shape};
      if (!change(entry)) continue;
      uint64_t bytes = ominix::info(entry.type).bytes;
      for (const int64_t n : entry.shape) bytes *= static_cast<uint64_t>(n);
      std::vector<std::byte> values(info.bytes);
      file.read(info, 0, values);
      values.resize(bytes);
      data.insert(data.end(), values.begin(), values.end());
      entries.push_back(std::move(entry));
    }
    formats::SafetensorsWriter out(folder() / "model.safetensors", entries);
    out.append(data);
    out.commit();
  }

  testing::TempDir dir_;
  Json config_ = config_of(GetParam());
  testing::Golden golden_{GetParam()};
};

TEST_P(EveryFamily, CuttingAndBatchingChangeNoBit) {
  const auto run = [&](bool exact, int chunk) {
    Engine engine({.threads = 1, .exact = exact});
    return golden_.eval(engine, engine.load(folder()), testing::Golden::Input::batch,
                        {.max_tokens = 4, .prefill_chunk = chunk});
  };
  std::vector<std::vector<float>> both;
  for (const bool exact : {false, true}) {
    const auto whole = run(exact, 0);
    both.push_back(whole.at("logits").floats);
    for (const int chunk : {7, 64}) {
      const auto cut = run(exact, chunk);
      EXPECT_EQ(cut.at("logits").floats, whole.at("logits").floats) << "pieces of " << chunk;
      EXPECT_EQ(cut.at("greedy").ints, whole.at("greedy").ints) << "pieces of " << chunk;
    }
    // Each row alone.
    Engine engine({.threads = 1, .exact = exact});
    const auto model = engine.load(folder());
    const auto ids = golden_["input_ids"], mask = golden_["attention_mask"];
    const auto width = static_cast<size_t>(ids.shape[1]);
    const size_t vocabulary = whole.at("logits").floats.size() / ids.ints.size();
    for (size_t row = 0; row < static_cast<size_t>(ids.shape[0]); ++row) {
      std::vector<int32_t> alone;
      for (size_t i = row * width; i < (row + 1) * width; ++i)
        if (mask.ints[i] == 1) alone.push_back(ids.ints[i]);
      const auto logits = testing::eval_ids(engine, model, alone);
      const auto end =
          both.back().begin() + static_cast<std::ptrdiff_t>((row + 1) * width * vocabulary);
      EXPECT_TRUE(std::equal(logits.begin(), logits.end(),
                             end - static_cast<std::ptrdiff_t>(logits.size())))
          << "row " << row;
    }
  }
  // int8 activations stay close to float32: by angle, since a token may just meet another expert.
  double dot = 0, fast = 0, exact = 0;
  for (size_t i = 0; i < both[0].size(); ++i) {
    dot += double{both[0][i]} * both[1][i];
    fast += double{both[0][i]} * both[0][i];
    exact += double{both[1][i]} * both[1][i];
  }
  EXPECT_GT(dot / std::sqrt(fast * exact), 0.98);
  EXPECT_NE(both[0], both[1]);
}

TEST_P(EveryFamily, GoesOnFromASavedState) {
  for (const int bits : {32, 8}) {
    Engine engine({.threads = 1, .kv_bits = bits});
    const auto model = engine.load(folder());
    const auto state = folder() / ("state" + std::to_string(bits));
    TextRequest request{
        .prompt = golden_["input_ids_single"].ints, .max_tokens = 10, .ignore_stop_ids = true};
    request.state_out = state;
    const auto first = testing::collect(engine.generate(model, request)).ids;
    request.prompt.insert(request.prompt.end(), first.begin(), first.end());
    request.state_out = "";
    const auto expected = testing::collect(engine.generate(model, request)).ids;
    request.state_in = state;
    EXPECT_EQ(testing::collect(engine.generate(model, request)).ids, expected) << bits << " bits";
  }
}

TEST_P(EveryFamily, NamesWhatDoesNotFit) {
  Engine engine({.threads = 1});
  config_["a_new_feature"] = true;
  write_config();
  const auto model = engine.load(folder());
  ASSERT_EQ(model->info().warnings.size(), 1u);
  EXPECT_NE(model->info().warnings[0].find("'a_new_feature' is not used"), std::string::npos);

  // One tensor of each kind: "model.layers.0.mlp.gate.weight" and that of layer 1 are one.
  std::set<std::string> kinds;
  std::vector<std::string> names;
  const auto file = std::make_unique<formats::Safetensors>(folder() / "model.safetensors");
  for (const auto& info : file->tensors()) {
    std::string kind = info.name;
    std::erase_if(kind, [](char c) { return c >= '0' && c <= '9'; });
    if (kinds.insert(kind).second) names.push_back(info.name);
  }
  const std::string whole = read_text(folder() / "model.safetensors", 64 << 20);
  for (const std::string& name : names) {
    rewrite([&](formats::SafetensorsEntry& e) { return e.name != name; });
    // Without its weight a packed matrix is missing, without its scales it is misshapen.
    const std::string module = name.substr(0, name.rfind('.'));
    EXPECT_ERROR(engine.load(folder()), ErrorCode::corrupt_data, module);
    dir_.write("model.safetensors", whole);
    rewrite([&](formats::SafetensorsEntry& e) {
      if (e.name == name) e.shape.back() += 1;
      return true;
    });
    EXPECT_ERROR(engine.load(folder()), ErrorCode::corrupt_data, "'" + name + "' has shape");
    dir_.write("model.safetensors", whole);
  }
}

INSTANTIATE_TEST_SUITE_P(Goldens, EveryFamily, ::testing::ValuesIn(some_cases()),
                         [](const auto& c) {
                           std::string name = c.param;
                           std::ranges::replace(name, '-', '_');
                           return name;
                         });

}  // namespace
}  // namespace ominix
