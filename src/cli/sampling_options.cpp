#include <fmt/format.h>

#include <charconv>

#include "cli/commands.h"

namespace ominix::cli {
namespace {

// "42=-5.5"
LogitBias parse_bias(const std::string& text) {
  LogitBias out;
  const char *at = text.data(), *end = at + text.size();
  const auto id = std::from_chars(at, end, out.id);
  if (id.ec == std::errc() && id.ptr != end && *id.ptr == '=') {
    const auto bias = std::from_chars(id.ptr + 1, end, out.bias);
    if (bias.ec == std::errc() && bias.ptr == end) return out;
  }
  throw UsageError(fmt::format("--logit-bias is '{}', expected ID=BIAS such as 42=-5", text));
}

}  // namespace

std::vector<Option> with_sampling_options(std::vector<Option> options) {
  constexpr Option kSampling[] = {
      {"temperature", "T", "0 takes the likeliest token (default), 1 samples as learned"},
      {"top-k", "K", "sample among the K likeliest tokens"},
      {"top-p", "P", "sample among the likeliest tokens that hold a share P"},
      {"min-p", "P", "drop tokens less likely than P times the likeliest"},
      {"typical-p", "P", "sample among the most typical tokens that hold a share P"},
      {"top-n-sigma", "S", "drop tokens S deviations below the largest logit"},
      {"xtc-probability", "P", "how often to exclude all likely tokens but the least likely"},
      {"xtc-threshold", "P", "the share from which a token counts as likely (0.1)"},
      {"mirostat", "1|2", "steer the surprise of the text"},
      {"mirostat-tau", "B", "towards so many bits a token (5)"},
      {"mirostat-eta", "R", "at this rate (0.1)"},
      {"repetition-penalty", "R", "above 1 makes recent tokens less likely"},
      {"repetition-window", "N", "recent: the last N tokens (64)"},
      {"presence-penalty", "X", "off the logit of tokens that the answer has"},
      {"frequency-penalty", "X", "off it, for each time it has them"},
      {"dry-multiplier", "X", "above 0 makes long repetitions less likely (DRY)"},
      {"dry-base", "X", "how fast the penalty grows with their length (1.75)"},
      {"dry-allowed-length", "N", "repetitions so long are free (2)"},
      {"dry-window", "N", "look for them in the last N tokens (all)"},
      {"dry-breaker", "TEXT", "repetitions end at it; may be given again (\\n : \" *)"},
      {"logit-bias", "ID=X", "add to a token's logit; may be given again"},
      {"stop", "TEXT", "end the answer before this text; may be given again"},
  };
  options.insert(options.end(), std::begin(kSampling), std::end(kSampling));
  return options;
}

Sampling sampling(const Arguments& args) {
  constexpr float kMost = 1000;
  constexpr int kTokens = 1 << 24;
  Sampling s;
  s.temperature = args.number("temperature", s.temperature, 0, 100);
  s.top_k = args.number("top-k", s.top_k, 0, kTokens);
  s.top_p = args.number("top-p", s.top_p, 1e-6f, 1);
  s.min_p = args.number("min-p", s.min_p, 0, 1);
  s.typical_p = args.number("typical-p", s.typical_p, 1e-6f, 1);
  s.top_n_sigma = args.number("top-n-sigma", s.top_n_sigma, 0, kMost);
  s.xtc_probability = args.number("xtc-probability", s.xtc_probability, 0, 1);
  s.xtc_threshold = args.number("xtc-threshold", s.xtc_threshold, 0, 1);
  s.mirostat = args.number("mirostat", s.mirostat, 0, 2);
  s.mirostat_tau = args.number("mirostat-tau", s.mirostat_tau, 0, kMost);
  s.mirostat_eta = args.number("mirostat-eta", s.mirostat_eta, 0, 1);
  s.repetition_penalty = args.number("repetition-penalty", s.repetition_penalty, 1e-3f, 100);
  s.repetition_window = args.number("repetition-window", s.repetition_window, 0, kTokens);
  s.presence_penalty = args.number("presence-penalty", s.presence_penalty, -100, 100);
  s.frequency_penalty = args.number("frequency-penalty", s.frequency_penalty, -100, 100);
  s.dry_multiplier = args.number("dry-multiplier", s.dry_multiplier, 0, kMost);
  s.dry_base = args.number("dry-base", s.dry_base, 1, kMost);
  s.dry_allowed_length = args.number("dry-allowed-length", s.dry_allowed_length, 1, kTokens);
  s.dry_window = args.number("dry-window", s.dry_window, 0, kTokens);
  if (args.has("dry-breaker")) s.dry_breakers = args.all("dry-breaker");
  for (const std::string& bias : args.all("logit-bias")) s.logit_bias.push_back(parse_bias(bias));
  s.seed = args.number("seed", s.seed, 0);
  return s;
}

}  // namespace ominix::cli
