#include "sampling/sampler.h"

#include <algorithm>
#include <cmath>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "sampling/random.h"

namespace ominix::sampling {
namespace {

// Draws of one position.
constexpr uint64_t kTokenDraw = 0, kXtcDraw = 1;

// A share of e^-30 of the largest one's is never drawn: doubles of 53 bits do not reach it.
constexpr float kNegligible = 30.0f;

constexpr int kMostLogprobs = 100;
constexpr size_t kMostBiases = 1024;

void require(bool holds, std::string_view field, std::string_view expected, double found) {
  if (!holds) {
    throw fail(ErrorCode::invalid_argument, "sampling: {} is {}, expected {}", field, found,
               expected);
  }
}

void check(const Sampling& o, const Context& context) {
  const auto between = [](double x, double low, double high) { return x >= low && x <= high; };
  require(between(o.temperature, 0, 100), "temperature", "0 to 100", o.temperature);
  require(o.top_k >= 0, "top_k", "0 (all) or more", o.top_k);
  require(o.top_p > 0 && o.top_p <= 1, "top_p", "above 0, at most 1", o.top_p);
  require(between(o.min_p, 0, 1), "min_p", "0 to 1", o.min_p);
  require(o.typical_p > 0 && o.typical_p <= 1, "typical_p", "above 0, at most 1", o.typical_p);
  require(between(o.top_n_sigma, 0, 1000), "top_n_sigma", "0 (all) to 1000", o.top_n_sigma);
  require(between(o.xtc_probability, 0, 1), "xtc_probability", "0 to 1", o.xtc_probability);
  require(between(o.xtc_threshold, 0, 1), "xtc_threshold", "0 to 1", o.xtc_threshold);
  require(between(o.mirostat, 0, 2), "mirostat", "0 (off), 1 or 2", o.mirostat);
  require(o.mirostat_tau > 0 && o.mirostat_tau <= 100, "mirostat_tau", "above 0, at most 100",
          o.mirostat_tau);
  require(o.mirostat_eta > 0 && o.mirostat_eta <= 1, "mirostat_eta", "above 0, at most 1",
          o.mirostat_eta);
  require(o.repetition_penalty > 0 && o.repetition_penalty <= 100, "repetition_penalty",
          "above 0, at most 100", o.repetition_penalty);
  require(o.repetition_window >= 0, "repetition_window", "0 or more", o.repetition_window);
  require(between(o.presence_penalty, -100, 100), "presence_penalty", "-100 to 100",
          o.presence_penalty);
  require(between(o.frequency_penalty, -100, 100), "frequency_penalty", "-100 to 100",
          o.frequency_penalty);
  require(between(o.dry_multiplier, 0, 100), "dry_multiplier", "0 (off) to 100", o.dry_multiplier);
  require(between(o.dry_base, 1, 100), "dry_base", "1 to 100", o.dry_base);
  require(o.dry_allowed_length >= 1, "dry_allowed_length", "1 or more", o.dry_allowed_length);
  require(o.dry_window >= 0, "dry_window", "0 (all) or more", o.dry_window);
  require(o.logit_bias.size() <= kMostBiases, "logit_bias", "at most 1024 entries",
          static_cast<double>(o.logit_bias.size()));
  for (const LogitBias& b : o.logit_bias)
    require(std::isfinite(b.bias), "logit_bias", "finite numbers", b.bias);
  require(between(context.logprobs, -1, kMostLogprobs), "logprobs", "-1 (none) to 100",
          context.logprobs);
}

// The `count` largest logits, best first, with the logarithms of their shares.
std::vector<TokenLogprob> likeliest(std::span<const float> logits, size_t count, double sum) {
  std::vector<TokenLogprob> out;  // a heap whose front is the least of them
  const auto better = [](const TokenLogprob& a, const TokenLogprob& b) {
    return a.logprob != b.logprob ? a.logprob > b.logprob : a.id < b.id;
  };
  count = std::min(count, logits.size());
  for (size_t i = 0; i < logits.size() && count > 0; ++i) {
    if (out.size() == count) {
      if (logits[i] <= out.front().logprob) continue;
      std::ranges::pop_heap(out, better);
      out.pop_back();
    }
    out.push_back({static_cast<int32_t>(i), logits[i]});
    std::ranges::push_heap(out, better);
  }
  std::ranges::sort(out, better);
  for (TokenLogprob& t : out) t.logprob = static_cast<float>(t.logprob - sum);
  return out;
}

}  // namespace

Sampler::Sampler(const Sampling& options, Context context)
    : options_(options),
      context_(std::move(context)),
      penalties_(options, context_.breakers, context_.prompt_tokens),
      surprise_limit_(2.0 * options.mirostat_tau) {
  check(options_, context_);
  std::ranges::sort(context_.stop_ids);
}

Choice Sampler::sample(std::span<float> logits, std::span<const int32_t> history,
                       int64_t position) {
  Choice out;
  const bool wants_logprobs = context_.logprobs >= 0;
  double sum = 0;
  std::vector<float> raw;  // chosen tokens' logits are not known yet
  if (wants_logprobs) {
    sum = log_sum_exp(logits, logits[static_cast<size_t>(argmax(logits))]);
    out.logprobs.top = likeliest(logits, static_cast<size_t>(context_.logprobs), sum);
    raw.assign(logits.begin(), logits.end());
  }
  penalties_.apply(logits, history);
  const int32_t best = argmax(logits);
  if (options_.temperature == 0.0f) {
    out.id = best;
  } else {
    filter(logits, logits[static_cast<size_t>(best)], position);
    out.id = options_.mirostat != 0
                 ? steer(position)
                 : draw(candidates_, uniform(options_.seed, position, kTokenDraw)).id;
  }
  if (wants_logprobs) {
    out.logprobs.logprob = static_cast<float>(raw[static_cast<size_t>(out.id)] - sum);
  }
  return out;
}

void Sampler::filter(std::span<const float> logits, float largest, int64_t position) {
  const Sampling& o = options_;
  const bool plain = o.mirostat != 0;  // it takes the place of the filters
  float spread = kNegligible * o.temperature;
  // Where min_p is the first filter it bounds the candidates at once.
  const bool min_p_first = !plain && o.top_k == 0 && o.typical_p == 1.0f && o.top_p == 1.0f;
  if (min_p_first && o.min_p > 0) spread = std::min(spread, -std::log(o.min_p) * o.temperature);
  if (!plain && o.top_n_sigma > 0)
    spread = std::min(spread, static_cast<float>(o.top_n_sigma * deviation(logits)));
  const auto top_k = static_cast<size_t>(plain ? 0 : o.top_k);
  collect(logits, largest - spread, top_k, largest, o.temperature, candidates_);
  if (plain) return;
  if (o.typical_p < 1.0f) keep_typical(candidates_, o.typical_p);
  if (o.top_p < 1.0f) keep_top_p(candidates_, o.top_p);
  if (o.min_p > 0) keep_min_p(candidates_, o.min_p);
  if (o.xtc_probability > 0 && uniform(o.seed, position, kXtcDraw) < o.xtc_probability)
    exclude_top_choices(candidates_, o.xtc_threshold, context_.stop_ids);
}

// Basu et al. 2021 (arXiv 2007.14966): the surprise of what was chosen moves the limit for the next
// token. Version 1 turns the limit into a top_k by a Zipf exponent measured on the best 100,
// version 2 leaves out what is more surprising than the limit.
int32_t Sampler::steer(int64_t position) {
  const double total = total_weight(candidates_);
  const auto bits = [&](const Candidate& x) { return -std::log2(x.weight / total); };
  if (options_.mirostat == 1) {
    constexpr size_t kMeasured = 100;
    Candidates best = candidates_;
    keep_top_k(best, kMeasured);
    std::ranges::sort(best, [](const Candidate& a, const Candidate& b) {
      return a.logit != b.logit ? a.logit > b.logit : a.id < b.id;
    });
    double tb = 0, tt = 0;
    for (size_t i = 0; i + 1 < best.size(); ++i) {
      const double t = std::log(static_cast<double>(i + 2) / static_cast<double>(i + 1));
      const double b = std::log(best[i].weight / best[i + 1].weight);
      tb += t * b;
      tt += t * t;
    }
    const double s = tt > 0 ? tb / tt : 1.0, e = s - 1;
    const auto n = static_cast<double>(candidates_.size());
    const double k = std::pow(e * std::exp2(surprise_limit_) / (1 - std::pow(n, -e)), 1 / s);
    // Not a number where the best are equally likely: then all stay.
    if (k < n) keep_top_k(candidates_, static_cast<size_t>(std::max(1.0, std::round(k))));
  } else {
    const Candidate best = *std::ranges::max_element(candidates_, {}, &Candidate::logit);
    std::erase_if(candidates_,
                  [&](const Candidate& x) { return x.id != best.id && bits(x) > surprise_limit_; });
  }
  const Candidate& chosen = draw(candidates_, uniform(options_.seed, position, kTokenDraw));
  surprise_limit_ -= options_.mirostat_eta * (bits(chosen) - options_.mirostat_tau);
  return chosen.id;
}

}  // namespace ominix::sampling
