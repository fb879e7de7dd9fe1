#include "runtime/state_file.h"

#include <gtest/gtest.h>
#include <ominix/engine.h>
#include <ominix/tokenizer.h>

#include "base/file.h"
#include "formats/safetensors.h"
#include "support/collect.h"
#include "support/expect_error.h"
#include "support/temp_dir.h"

namespace ominix {
namespace {

using kernels::KvSpec;
using kernels::KvState;
using runtime::load_state;
using runtime::save_state;

const std::filesystem::path kStories = std::filesystem::path(OMINIX_TEST_DATA) / "data/stories260k";

std::vector<int32_t> count_up(int n) {
  std::vector<int32_t> ids(static_cast<size_t>(n));
  for (int i = 0; i < n; ++i) ids[static_cast<size_t>(i)] = i + 1;
  return ids;
}

// A state whose planes are filled with a pattern.
KvState filled(const KvSpec& spec, int64_t first, int64_t length, int salt) {
  KvState state(spec);
  state.resize(first, length);
  const auto planes = kernels::kv_planes(spec);
  for (size_t p = 0; p < planes.size(); ++p) {
    std::vector<std::byte> bytes(static_cast<size_t>(length - first) * planes[p].token_bytes());
    for (size_t i = 0; i < bytes.size(); ++i)
      bytes[i] = static_cast<std::byte>((i * 7 + p + static_cast<size_t>(salt)) % 61);
    state.write(static_cast<int>(p), first, length - first, bytes.data());
  }
  return state;
}

std::vector<std::byte> plane(const KvState& state, int p, int64_t from, int64_t to) {
  std::vector<std::byte> out(
      static_cast<size_t>(to - from) *
      kernels::kv_planes(state.spec())[static_cast<size_t>(p)].token_bytes());
  state.read(p, from, to - from, out.data());
  return out;
}

TEST(StateFile, GivesBackTheSharedPart) {
  const testing::TempDir dir;
  const std::vector<KvSpec> specs = {{2, 8, 8}, {1, 80, 24, 0, true}, {2, 8, 8, 100}};
  const auto ids = count_up(700);
  // The window of 100 after 700 tokens sees 601 and later: blocks 0 and 1 are gone.
  const std::vector<KvState> states = {filled(specs[0], 0, 700, 1), filled(specs[1], 0, 700, 2),
                                       filled(specs[2], 512, 700, 3)};
  save_state(dir / "s", "m", ids, states);
  auto longer = ids;
  longer.push_back(5);
  const auto all = load_state(dir / "s", "m", specs, longer);
  ASSERT_EQ(all.size(), 3u);
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(all[i].length(), 700);
    for (size_t p = 0; p < kernels::kv_planes(specs[i]).size(); ++p) {
      const auto at = static_cast<int>(p);
      EXPECT_EQ(plane(all[i], at, all[i].first(), 700),
                plane(states[i], at, states[i].first(), 700));
    }
  }
  auto other = ids;
  other[650] = -1;  // the window sees 551 and later
  EXPECT_EQ(load_state(dir / "s", "m", specs, other).at(2).length(), 650);
  other[550] = -1;  // it would need 451
  EXPECT_TRUE(load_state(dir / "s", "m", specs, other).empty());
  other[0] = -1;
  EXPECT_TRUE(load_state(dir / "s", "m", specs, other).empty());
  const std::vector<KvSpec> two = {specs[0], specs[1]};
  const auto part = load_state(dir / "s", "m", two, std::span(ids).first(300));
  EXPECT_EQ(part.at(1).length(), 299);  // the last token of the prompt is left to compute
  EXPECT_EQ(plane(part[1], 2, 0, 299), plane(states[1], 2, 0, 299));
}

TEST(StateFile, RefusesWhatDoesNotFit) {
  const testing::TempDir dir;
  const std::vector<KvSpec> specs = {{2, 8, 8}};
  const auto ids = count_up(20), prompt = count_up(30);
  save_state(dir / "s", "m", ids, std::vector{filled(specs[0], 0, 20, 1)});
  const auto load = [&](const char* name, const std::vector<KvSpec>& wanted) {
    return load_state(dir / name, "m", wanted, prompt);
  };
  EXPECT_ERROR(load_state(dir / "s", "other", specs, prompt), ErrorCode::invalid_argument,
               "was made by 'm'");
  EXPECT_ERROR(load("s", {{2, 8, 16}}), ErrorCode::corrupt_data,
               "(20, 2, 8), expected f32 (20, 2, 16)");
  EXPECT_ERROR(load("s", {{2, 8, 8, 0, true}}), ErrorCode::corrupt_data, "expected i8");
  EXPECT_ERROR(load("s", {specs[0], specs[0]}), ErrorCode::corrupt_data,
               "'layers.1.keys' is missing");
  const std::string whole = read_text(dir / "s", 1 << 20);
  dir.write("cut", whole.substr(0, whole.size() - 1));
  EXPECT_ERROR(load("cut", specs), ErrorCode::corrupt_data, "cut");
  dir.write("junk", std::string(8, '\0') + "{}");
  EXPECT_ERROR(load("junk", specs), ErrorCode::corrupt_data, "junk");

  const auto written = [&](std::vector<formats::SafetensorsEntry> entries) {
    formats::SafetensorsWriter out(dir / "made", entries,
                                   {{"format", "ominix-state-1"}, {"model", "m"}});
    uint64_t bytes = 0;
    for (const auto& e : entries) {
      uint64_t size = info(e.type).bytes;
      for (const int64_t n : e.shape) size *= static_cast<uint64_t>(n);
      bytes += size;
    }
    std::vector<int32_t> fill(bytes / 4);
    for (size_t i = 0; i < fill.size(); ++i) fill[i] = static_cast<int32_t>(i) + 1;
    out.append(std::as_bytes(std::span(fill)));
    out.commit();
    return load("made", specs);
  };
  EXPECT_ERROR(written({{"ids", DType::f32, {4}}}), ErrorCode::corrupt_data, "'ids'");
  EXPECT_ERROR(written({{"ids", DType::i32, {4}}}), ErrorCode::corrupt_data, "layers.0.keys");
  EXPECT_ERROR(written({{"ids", DType::i32, {4}}, {"layers.0.keys", DType::f32, {5, 2, 8}}}),
               ErrorCode::corrupt_data, "not of 1 to 4 tokens");
  // Fewer rows than tokens, though no window dropped them: nothing to go on from.
  EXPECT_TRUE(
      written({{"ids", DType::i32, {4}}, {"layers.0.keys", DType::f32, {3, 2, 8}}}).empty());
  EXPECT_TRUE(written({{"ids", DType::i32, {0}}}).empty());
}

class SavedText : public ::testing::TestWithParam<int> {};

TEST_P(SavedText, GoesOnInANewEngineAsIfItHadNeverEnded) {
  const testing::TempDir dir;
  const auto file = dir / "state";
  const TextRequest first{.prompt = {},
                          .max_tokens = 30,
                          .sampling = {.temperature = 1, .seed = 3},
                          .ignore_stop_ids = true,
                          .state_in = file,
                          .state_out = file};
  const auto run = [&](const std::vector<int32_t>& prompt, bool with_state) {
    Engine engine({.kv_bits = GetParam()});
    TextRequest request = first;
    const auto model = engine.load(kStories / "hf");
    request.prompt = prompt;
    if (!with_state) request.state_in = request.state_out = "";
    auto stream = engine.generate(model, request);
    std::vector<int32_t> ids;
    while (auto piece = stream.next()) ids.insert(ids.end(), piece->ids.begin(), piece->ids.end());
    return ids;
  };
  std::vector<int32_t> prompt = {1, 403, 407, 261, 378};
  const auto answer = run(prompt, true);
  EXPECT_EQ(answer, run(prompt, false));
  ASSERT_TRUE(std::filesystem::exists(file));
  prompt.insert(prompt.end(), answer.begin(), answer.end());
  prompt.push_back(400);
  const auto expected = run(prompt, false);
  EXPECT_EQ(run(prompt, true), expected);
  EXPECT_EQ(run(prompt, true), expected);  // from a state that now holds more than the prompt
  prompt[3] = 262;
  EXPECT_EQ(run(prompt, true), run(prompt, false));
}

INSTANTIATE_TEST_SUITE_P(Bits, SavedText, ::testing::Values(32, 8));

TEST(SavedText, BrokenFilesFailTheRequestAlone) {
  const testing::TempDir dir;
  Engine engine;
  const auto model = engine.load(kStories / "hf");
  auto bad =
      engine.generate(model, {.prompt = {1}, .max_tokens = 3, .state_in = dir.write("junk", "")});
  EXPECT_ERROR(bad.next(), ErrorCode::corrupt_data, "junk");
  auto nowhere = engine.generate(model, {.prompt = {1},
                                         .max_tokens = 3,
                                         .ignore_stop_ids = true,
                                         .state_out = dir / "no" / "folder" / "s"});
  EXPECT_ERROR(({
                 while (nowhere.next()) {
                 }
               }),
               ErrorCode::not_found, "folder");
  EXPECT_EQ(testing::collect(
                engine.generate(model, {.prompt = {1}, .max_tokens = 3, .ignore_stop_ids = true}))
                .ids.size(),
            3u);
}

// 8 bits change the text little by little, not at once; the memory they take is a quarter.
TEST(QuantizedState, StaysCloseAndIsSmall) {
  const KvSpec plain{8, 128, 128}, packed{8, 128, 128, 0, true};
  EXPECT_LT(static_cast<double>(kernels::kv_bytes(packed, 4096)),
            0.27 * static_cast<double>(kernels::kv_bytes(plain, 4096)));
  EXPECT_ERROR(Engine({.kv_bits = 4}), ErrorCode::invalid_argument, "kv_bits is 4");
  Engine engine({.exact = true}), small({.exact = true, .kv_bits = 8});
  const auto ids = [](Engine& e) {
    const auto model = e.load(kStories / "hf");
    return testing::collect(
               e.generate(model, {.prompt = model->tokenizer().encode("Once upon a time"),
                                  .max_tokens = 20}))
        .ids;
  };
  EXPECT_EQ(ids(small), ids(engine));
}

}  // namespace
}  // namespace ominix
