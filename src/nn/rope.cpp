#include "nn/rope.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "base/error.h"

namespace ominix::nn {
namespace {

constexpr double kPi = std::numbers::pi;

// theta^(-2i / width)
std::vector<float> plain(double theta, int width) {
  std::vector<float> out(static_cast<size_t>(width) / 2);
  for (size_t i = 0; i < out.size(); ++i) {
    out[i] = static_cast<float>(1.0 / std::pow(theta, 2.0 * static_cast<double>(i) / width));
  }
  return out;
}

// Long wavelengths are stretched by `factor`, short ones kept, those between blended.
void apply_llama3(std::vector<float>& inv, const RopeConfig& c) {
  const double original = static_cast<double>(c.original_positions);
  const double low = original / c.low_freq_factor, high = original / c.high_freq_factor;
  for (float& f : inv) {
    const double wavelength = 2 * kPi / f;
    if (wavelength < high) continue;
    if (wavelength > low) {
      f = f / c.factor;
    } else {
      const double s =
          (original / wavelength - c.low_freq_factor) / (c.high_freq_factor - c.low_freq_factor);
      f = static_cast<float>((1 - s) * f / c.factor + s * f);
    }
  }
}

// YaRN (arXiv 2309.00071): dimensions that turn fewer than beta_slow times over the original
// context are interpolated, those over beta_fast kept, a ramp between.
void apply_yarn(std::vector<float>& inv, const RopeConfig& c) {
  const double original = static_cast<double>(c.original_positions);
  const auto dimension = [&](double turns) {
    return c.width * std::log(original / (turns * 2 * kPi)) / (2 * std::log(c.theta));
  };
  double low = dimension(c.beta_fast), high = dimension(c.beta_slow);
  if (c.truncate) {
    low = std::floor(low);
    high = std::ceil(high);
  }
  low = std::max(low, 0.0);
  high = std::min(high, static_cast<double>(c.width - 1));
  if (low == high) high += 0.001;
  for (size_t i = 0; i < inv.size(); ++i) {
    const double ramp = std::clamp((static_cast<double>(i) - low) / (high - low), 0.0, 1.0);
    inv[i] = static_cast<float>(inv[i] / c.factor * ramp + inv[i] * (1 - ramp));
  }
}

float yarn_magnitude(const RopeConfig& c) {
  if (c.attention_factor != 0) return c.attention_factor;
  const auto g = [&](double m) { return c.factor <= 1 ? 1.0 : 0.1 * m * std::log(c.factor) + 1.0; };
  if (c.mscale != 0 && c.mscale_all_dim != 0) {
    return static_cast<float>(g(c.mscale) / g(c.mscale_all_dim));
  }
  return static_cast<float>(g(1));
}

float longrope_magnitude(const RopeConfig& c) {
  if (c.attention_factor != 0) return c.attention_factor;
  const double ratio = c.original_positions > 0 ? static_cast<double>(c.max_positions) /
                                                      static_cast<double>(c.original_positions)
                                                : c.factor;
  if (ratio <= 1) return 1.0f;
  const double original =
      static_cast<double>(c.original_positions > 0 ? c.original_positions : c.max_positions);
  return static_cast<float>(std::sqrt(1 + std::log(ratio) / std::log(original)));
}

}  // namespace

Rope::Rope(const RopeConfig& config, kernels::RopePairs pairs) : config_(config), pairs_(pairs) {
  RopeConfig& c = config_;
  if (c.original_positions == 0 && c.type != "longrope") c.original_positions = c.max_positions;
  std::vector<float> inv = plain(c.theta, c.width);
  if (c.type == "default") {
    fixed_ = inv;
  } else if (c.type == "linear") {
    for (float& f : inv) f /= c.factor;
    fixed_ = inv;
  } else if (c.type == "factors") {
    for (size_t i = 0; i < inv.size(); ++i) inv[i] /= c.factors[i];
    fixed_ = inv;
  } else if (c.type == "llama3") {
    apply_llama3(inv, c);
    fixed_ = inv;
  } else if (c.type == "yarn") {
    apply_yarn(inv, c);
    fixed_ = inv;
    magnitude_ = yarn_magnitude(c);
  } else if (c.type == "longrope") {
    magnitude_ = longrope_magnitude(c);
  } else if (c.type != "dynamic") {
    throw fail(
        ErrorCode::unsupported,
        "config.json: rope type '{}', expected default, linear, dynamic, llama3, yarn or longrope",
        c.type);
  }
}

std::vector<float> Rope::frequencies(int64_t length) const {
  const RopeConfig& c = config_;
  if (!fixed_.empty()) return fixed_;
  if (c.type == "dynamic") {
    // NTK-aware: the base grows with the length beyond the trained one.
    const double trained = static_cast<double>(c.max_positions);
    const double longest = std::max(static_cast<double>(length), trained);
    const double grown = c.factor * longest / trained - (c.factor - 1);
    return plain(c.theta * std::pow(grown, c.width / (c.width - 2.0)), c.width);
  }
  const int64_t original = c.original_positions > 0 ? c.original_positions : c.max_positions;
  const std::vector<float>& factors = length > original ? c.long_factor : c.short_factor;
  std::vector<float> inv = plain(c.theta, c.width);
  for (size_t i = 0; i < inv.size(); ++i) inv[i] /= factors[i];
  return inv;
}

void Rope::table(int64_t first, int count, int64_t length, std::span<float> cos,
                 std::span<float> sin) const {
  const std::vector<float> computed = fixed_.empty() ? frequencies(length) : std::vector<float>();
  const std::vector<float>& inv = fixed_.empty() ? computed : fixed_;
  for (size_t t = 0, at = 0; t < static_cast<size_t>(count); ++t) {
    const auto position = static_cast<float>(first + static_cast<int64_t>(t));
    for (size_t i = 0; i < inv.size(); ++i, ++at) {
      const float angle = position * inv[i];  // float32, as the reference does
      cos[at] = std::cos(angle) * magnitude_;
      sin[at] = std::sin(angle) * magnitude_;
    }
  }
}

}  // namespace ominix::nn
