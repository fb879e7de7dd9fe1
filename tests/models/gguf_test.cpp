#include <gtest/gtest.h>
#include <ominix/engine.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "formats/dequantize.h"
#include "support/eval_ids.h"
#include "support/expect_error.h"
#include "support/gguf_builder.h"
#include "support/golden.h"
#include "support/temp_dir.h"

// Tiny models in GGUF files of every type, and what only GGUF files have.
namespace ominix {
namespace {

using testing::GgufBuilder;

// Random numbers from a counter.
uint64_t mix(uint64_t x) {
  x = (x + 0x9E3779B97F4A7C15ull) * 0xBF58476D1CE4E5B9ull;
  x = (x ^ (x >> 29)) * 0x94D049BB133111EBull;
  return x ^ (x >> 32);
}

uint16_t half(float x) {
  const auto value = static_cast<_Float16>(x);
  uint16_t bits;
  std::memcpy(&bits, &value, 2);
  return bits;
}

// Where a type's float16 scales lie in a block, and a scale that makes weights of about 1/16.
struct Scales {
  DType type;
  std::vector<size_t> at;
  float scale;
};
const Scales kTypes[] = {
    {DType::q4_0, {0}, 0.02f},
    {DType::q4_1, {0, 2}, 0.01f},
    {DType::q5_0, {0}, 0.01f},
    {DType::q5_1, {0, 2}, 0.005f},
    {DType::q8_0, {0}, 0.001f},
    {DType::q2_k, {80, 82}, 0.005f},
    {DType::q3_k, {108}, 0.002f},
    {DType::q4_k, {0, 2}, 0.0003f},
    {DType::q5_k, {0, 2}, 0.00015f},
    {DType::q6_k, {208}, 0.00005f},
    {DType::iq4_nl, {0}, 0.001f},
    {DType::iq4_xs, {0}, 0.00004f},
    {DType::mxfp4, {}, 0},
    {DType::f16, {}, 0},
    {DType::bf16, {}, 0},
};

std::string blocks(const Scales& s, uint64_t elements, uint64_t seed) {
  const DTypeInfo& type = info(s.type);
  std::string out(elements / type.block * type.bytes, '\0');
  for (size_t i = 0; i < out.size(); ++i) out[i] = static_cast<char>(mix(seed * 1000003 + i));
  for (size_t at = 0, b = 0; at < out.size(); at += type.bytes, ++b) {
    const float vary = 0.5f + static_cast<float>(mix(seed + b) % 1000) / 1000;
    for (const size_t field : s.at) {
      const uint16_t bits = half(s.scale * vary);
      std::memcpy(&out[at + field], &bits, 2);
    }
    if (s.type == DType::mxfp4) out[at] = static_cast<char>(121 + b % 3);  // 2^-6 … 2^-4
    if (s.type == DType::f16 || s.type == DType::bf16) {
      const float x = (vary - 1) / 8;
      uint32_t wide;
      std::memcpy(&wide, &x, 4);
      const uint16_t bits = s.type == DType::f16 ? half(x) : static_cast<uint16_t>(wide >> 16);
      std::memcpy(&out[at], &bits, 2);
    }
  }
  return out;
}

constexpr uint64_t kHidden = 256, kKv = 128, kVocab = 48;

// A model whose matrices are of type `s`, stored as they are or dequantized.
std::string model(const Scales& s, bool dequantized) {
  GgufBuilder file;
  file.key("general.architecture", "qwen2")
      .key("qwen2.embedding_length", uint32_t{kHidden})
      .key("qwen2.block_count", uint32_t{1})
      .key("qwen2.feed_forward_length", uint32_t{kHidden})
      .key("qwen2.attention.head_count", uint32_t{4})
      .key("qwen2.attention.head_count_kv", uint32_t{2})
      .key("qwen2.attention.layer_norm_rms_epsilon", 1e-6f)
      .key("qwen2.context_length", uint32_t{128})
      .key("qwen2.rope.freq_base", 10000.0f);
  uint64_t seed = 1;
  const auto matrix = [&](const std::string& name, uint64_t rows) {
    const std::string bytes = blocks(s, rows * kHidden, ++seed);
    if (!dequantized) return static_cast<void>(file.tensor(name, s.type, {rows, kHidden}, bytes));
    std::vector<float> values(rows * kHidden);
    formats::dequantize(s.type, std::as_bytes(std::span(bytes)), values);
    file.tensor(name, DType::f32, {rows, kHidden}, values);
  };
  const auto vector = [&](const std::string& name, uint64_t size, float middle) {
    std::vector<float> values(size);
    for (size_t i = 0; i < size; ++i)
      values[i] = middle + static_cast<float>(mix(++seed) % 100) / 500;
    file.tensor(name, DType::f32, {size}, values);
  };
  matrix("token_embd.weight", kVocab);
  matrix("output.weight", kVocab);
  vector("output_norm.weight", kHidden, 1);
  vector("blk.0.attn_norm.weight", kHidden, 1);
  vector("blk.0.ffn_norm.weight", kHidden, 1);
  for (const auto& [name, rows] : {std::pair{"q", kHidden}, {"k", kKv}, {"v", kKv}}) {
    matrix(std::string("blk.0.attn_") + name + ".weight", rows);
    vector(std::string("blk.0.attn_") + name + ".bias", rows, 0);
  }
  for (const char* name : {"attn_output", "ffn_gate", "ffn_up", "ffn_down"})
    matrix(std::string("blk.0.") + name + ".weight", kHidden);
  return file.build();
}

std::vector<float> logits(const std::filesystem::path& path) {
  Engine engine({.exact = true});
  std::vector<int32_t> ids;
  for (int i = 0; i < 20; ++i) ids.push_back((i * 7 + 3) % static_cast<int>(kVocab));
  return testing::eval_ids(engine, engine.load(path), ids);
}

TEST(GgufModel, EveryTypeComputesWithItsDequantizedWeights) {
  for (const Scales& s : kTypes) {
    SCOPED_TRACE(to_string(s.type));
    const testing::TempDir dir;
    const auto packed = logits(dir.write("packed.gguf", model(s, false)));
    const auto plain = logits(dir.write("plain.gguf", model(s, true)));
    EXPECT_LE(testing::relative_error(packed, plain), 1e-5);
    EXPECT_GT(*std::ranges::max_element(plain) - *std::ranges::min_element(plain), 0.1f);
  }
}

// A llama with the factors that llama.cpp writes for llama3's rope.
std::string with_factors(const std::vector<float>& factors) {
  GgufBuilder file;
  file.key("general.architecture", "llama")
      .key("llama.embedding_length", uint32_t{64})
      .key("llama.block_count", uint32_t{1})
      .key("llama.feed_forward_length", uint32_t{64})
      .key("llama.attention.head_count", uint32_t{4})
      .key("llama.context_length", uint32_t{128})
      .key("llama.rope.freq_base", 500000.0f);
  uint64_t seed = 5;
  const auto add = [&](const std::string& name, std::vector<uint64_t> shape, float middle) {
    std::vector<float> values(shape[0] * (shape.size() > 1 ? shape[1] : 1));
    for (float& x : values) x = middle + static_cast<float>(mix(++seed) % 1000) / 2000 - 0.25f;
    file.tensor(name, DType::f32, std::move(shape), values);
  };
  add("token_embd.weight", {40, 64}, 0);
  add("output_norm.weight", {64}, 1);
  add("blk.0.attn_norm.weight", {64}, 1);
  add("blk.0.ffn_norm.weight", {64}, 1);
  for (const char* name :
       {"attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down"})
    add(std::string("blk.0.") + name + ".weight", {64, 64}, 0);
  if (!factors.empty()) file.tensor("rope_freqs.weight", DType::f32, {factors.size()}, factors);
  return file.build();
}

TEST(GgufModel, RopeFactorsAreHonoured) {
  const testing::TempDir dir;
  const auto run = [&](const std::vector<float>& factors) {
    Engine engine({.exact = true});
    std::vector<int32_t> ids;
    for (int i = 0; i < 30; ++i) ids.push_back(i + 3);
    return testing::eval_ids(engine, engine.load(dir.write("m.gguf", with_factors(factors))), ids);
  };
  const auto plain = run({});
  EXPECT_EQ(run(std::vector<float>(8, 1.0f)), plain);
  EXPECT_GT(testing::relative_error(run({1, 1, 1, 2, 4, 8, 8, 8}), plain), 1e-4);
  EXPECT_ERROR(run({1, 2, 3}), ErrorCode::corrupt_data, "3 numbers in 'factors', expected 8");
  EXPECT_ERROR(run({1, 1, 1, 0, 1, 1, 1, 1}), ErrorCode::corrupt_data,
               "'factors' must hold numbers above 0");
}

}  // namespace
}  // namespace ominix
