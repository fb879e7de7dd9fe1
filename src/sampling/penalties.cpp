#include "sampling/penalties.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace ominix::sampling {
namespace {

std::span<const int32_t> last(std::span<const int32_t> history, int window) {
  return history.last(std::min(history.size(), static_cast<size_t>(window)));
}

bool inside(std::span<const float> logits, int32_t id) {
  return id >= 0 && static_cast<size_t>(id) < logits.size();
}

}  // namespace

Penalties::Penalties(const Sampling& options, std::vector<int32_t> breakers, size_t prompt)
    : options_(options), breakers_(std::move(breakers)), counted_(prompt) {}

void Penalties::apply(std::span<float> logits, std::span<const int32_t> history) {
  for (const LogitBias& b : options_.logit_bias) {
    if (inside(logits, b.id)) logits[static_cast<size_t>(b.id)] += b.bias;
  }
  if (options_.repetition_penalty != 1.0f && options_.repetition_window > 0)
    repetition(logits, last(history, options_.repetition_window));
  if (options_.presence_penalty != 0.0f || options_.frequency_penalty != 0.0f)
    presence_and_frequency(logits, history);
  if (options_.dry_multiplier > 0.0f)
    dry(logits, options_.dry_window > 0 ? last(history, options_.dry_window) : history);
}

// Keskar et al. 2019 (CTRL): a seen token's logit is made smaller, whatever its sign.
void Penalties::repetition(std::span<float> logits, std::span<const int32_t> history) const {
  std::vector<int32_t> seen(history.begin(), history.end());
  std::ranges::sort(seen);
  seen.erase(std::unique(seen.begin(), seen.end()), seen.end());
  for (const int32_t id : seen) {
    if (!inside(logits, id)) continue;
    float& x = logits[static_cast<size_t>(id)];
    x = x > 0 ? x / options_.repetition_penalty : x * options_.repetition_penalty;
  }
}

void Penalties::presence_and_frequency(std::span<float> logits, std::span<const int32_t> history) {
  for (; counted_ < history.size(); ++counted_) ++counts_[history[counted_]];
  for (const auto& [id, count] : counts_) {
    if (!inside(logits, id)) continue;
    logits[static_cast<size_t>(id)] -=
        options_.presence_penalty + static_cast<float>(count) * options_.frequency_penalty;
  }
}

void Penalties::dry(std::span<float> logits, std::span<const int32_t> history) const {
  const size_t n = history.size();
  // Read backwards, a repetition is a common prefix of the text and of the text from i on.
  const auto back = [&](size_t i) { return history[n - 1 - i]; };
  size_t limit = 0;  // tokens behind the last breaker
  while (limit < n && !std::ranges::binary_search(breakers_, back(limit))) ++limit;
  const auto allowed = static_cast<size_t>(options_.dry_allowed_length);
  if (limit < allowed || n < 2) return;

  // Z-function: prefix[i] tokens from i on equal the first ones.
  std::vector<size_t> prefix(n, 0);
  std::unordered_map<int32_t, size_t> longest;  // by the token that followed then
  for (size_t i = 1, left = 0, right = 0; i < n; ++i) {
    if (i < right) prefix[i] = std::min(right - i, prefix[i - left]);
    while (i + prefix[i] < n && back(prefix[i]) == back(i + prefix[i])) ++prefix[i];
    if (i + prefix[i] > right) {
      left = i;
      right = i + prefix[i];
    }
    const size_t length = std::min(prefix[i], limit);
    if (length < allowed) continue;
    size_t& most = longest[back(i - 1)];
    most = std::max(most, length);
  }
  for (const auto& [id, length] : longest) {
    if (!inside(logits, id) || std::ranges::binary_search(breakers_, id)) continue;
    // A thousand rules a token out and still leaves the deviation of all logits a number.
    constexpr double kMost = 1000;
    const double penalty =
        options_.dry_multiplier *
        std::pow(static_cast<double>(options_.dry_base), static_cast<double>(length - allowed));
    logits[static_cast<size_t>(id)] -= static_cast<float>(std::min(penalty, kMost));
  }
}

}  // namespace ominix::sampling
