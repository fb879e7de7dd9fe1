#include "nn/rope.h"

#include <gtest/gtest.h>

#include <cmath>

#include "support/expect_error.h"

namespace ominix::nn {
namespace {

// The angle of pair i at `position`, read back from cos and sin.
std::vector<float> angles(const RopeConfig& config, int64_t position, int64_t length) {
  const Rope rope(config, kernels::RopePairs::half);
  const auto n = static_cast<size_t>(config.width / 2);
  std::vector<float> cos(n), sin(n), out(n);
  rope.table(position, 1, length, cos, sin);
  for (size_t i = 0; i < n; ++i) out[i] = std::atan2(sin[i], cos[i]);
  return out;
}

TEST(Rope, DefaultTurnsByPosition) {
  const auto a = angles({.width = 4, .theta = 100}, 2, 10);
  EXPECT_NEAR(a[0], 2.0, 1e-6);
  EXPECT_NEAR(a[1], 0.2, 1e-6);
}

TEST(Rope, LinearDividesPositions) {
  const auto a = angles({.type = "linear", .width = 4, .theta = 100, .factor = 4}, 2, 10);
  EXPECT_NEAR(a[0], 0.5, 1e-6);
}

TEST(Rope, DynamicIsDefaultUntilTheTrainedLength) {
  RopeConfig c{.type = "dynamic", .width = 8, .theta = 100, .factor = 2, .max_positions = 32};
  RopeConfig plain = c;
  plain.type = "default";
  EXPECT_EQ(angles(c, 1, 32), angles(plain, 1, 32));
  // Twice the length: the base grows by (2·2 − 1)^(8/6).
  plain.theta = 100 * std::pow(3.0f, 8.0f / 6.0f);
  const auto grown = angles(c, 1, 64), expected = angles(plain, 1, 64);
  for (size_t i = 0; i < grown.size(); ++i) EXPECT_NEAR(grown[i], expected[i], 1e-6);
}

TEST(Rope, Llama3KeepsShortAndStretchesLongWaves) {
  const RopeConfig c{.type = "llama3", .width = 16, .theta = 10000, .factor = 8,
                     .max_positions = 8192, .original_positions = 512,
                     .low_freq_factor = 1, .high_freq_factor = 4};
  const auto scaled = angles(c, 1, 100);
  const auto plain = angles({.width = 16, .theta = 10000}, 1, 100);
  EXPECT_EQ(scaled.front(), plain.front());
  EXPECT_NEAR(scaled.back(), plain.back() / 8, 1e-9);
}

TEST(Rope, LongropeChoosesByLength) {
  RopeConfig c{.type = "longrope", .width = 4, .theta = 100, .max_positions = 64,
               .original_positions = 16, .short_factor = {1, 1}, .long_factor = {2, 4}};
  EXPECT_NEAR(angles(c, 1, 16)[1], 0.1, 1e-6);
  EXPECT_NEAR(angles(c, 1, 17)[1], 0.025, 1e-6);
  const Rope rope(c, kernels::RopePairs::half);
  std::vector<float> cos(2), sin(2);
  rope.table(0, 1, 16, cos, sin);
  EXPECT_NEAR(cos[0], std::sqrt(1 + std::log(4.0) / std::log(16.0)), 1e-6);
}

TEST(Rope, UnknownTypeIsRefused) {
  EXPECT_ERROR(Rope({.type = "magic", .width = 4}, kernels::RopePairs::half), ErrorCode::unsupported,
               "rope type 'magic'");
}

}  // namespace
}  // namespace ominix::nn
