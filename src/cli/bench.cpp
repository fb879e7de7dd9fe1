#include <fmt/format.h>
#include <ominix/bench.h>

#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/terminal.h"

namespace ominix::cli {
namespace {

std::optional<SyntheticWeights> synthetic_weights(const Arguments& args) {
  if (!args.has("synthetic")) {
    if (args.has("bits") || args.has("group-size")) {
      throw UsageError("--bits and --group-size pack random weights; give --synthetic SEED too");
    }
    return std::nullopt;
  }
  return SyntheticWeights{.seed = args.number<uint64_t>("synthetic", 1, 0),
                          .bits = args.number("bits", 0, 2, 8),
                          .group_size = args.number("group-size", 64, 16, 128)};
}

int run(Arguments& args) {
  BenchOptions options;
  options.prompt_tokens = args.number("prompt-tokens", 512, 1, 1 << 24);
  options.new_tokens = args.number("new-tokens", 128, 0, 1 << 24);
  options.batch = args.number("batch", 1, 1, 4096);
  options.repetitions = args.number("repetitions", 3, 1, 1000);
  const auto synthetic = synthetic_weights(args);
  const EngineOptions choice = engine_options(args);

  const InterruptScope interrupt;
  Engine engine(choice);
  const auto model = load(engine, args[0], {.progress = {}, .synthetic = synthetic});
  ProgressBar bar("measuring");
  options.go_on = [&](int done, int all) {
    bar.update(static_cast<uint64_t>(done), static_cast<uint64_t>(all));
    return !interrupted();
  };
  const BenchResult r = bench(engine, model, options);
  bar.clear();
  if (args.has("json")) {
    print_json({{"prefill_tps", r.prefill_tps},
                {"decode_tps", r.decode_tps},
                {"prefill_tps_each", r.prefill},
                {"decode_tps_each", r.decode},
                {"bytes_per_token", r.bytes_per_token},
                {"roofline_gbps", r.roofline_gbps},
                {"roofline_share", r.roofline_share},
                {"peak_memory_bytes", r.peak_memory_bytes},
                {"device", r.device == Device::gpu ? "gpu" : "cpu"},
                {"threads", r.threads},
                {"exact", choice.exact},
                {"family", model->info().family},
                {"parameters", model->info().parameters},
                {"prompt_tokens", options.prompt_tokens},
                {"new_tokens", options.new_tokens},
                {"batch", options.batch},
                {"repetitions", options.repetitions},
                {"load_s", model->info().load_seconds}});
    return 0;
  }
  const double megabytes = static_cast<double>(r.bytes_per_token) / 1e6;
  print(fmt::format("prefill   {:10.1f} tokens/s   {} x {} tokens\n", r.prefill_tps, options.batch,
                    options.prompt_tokens));
  if (options.new_tokens > 0) {
    print(fmt::format("decode    {:10.1f} tokens/s   {} x {} tokens\n", r.decode_tps, options.batch,
                      options.new_tokens));
    print(fmt::format(
        "memory    {:10.1f} GB/s       {:.0f} % of the {:.1f} GB/s this machine "
        "reads, {:.1f} MB a token\n",
        megabytes * r.decode_tps / 1e3, 100 * r.roofline_share, r.roofline_gbps, megabytes));
  }
  print(fmt::format("peak      {:10} MB         {} threads, medians of {}\n",
                    r.peak_memory_bytes >> 20, r.threads, options.repetitions));
  return 0;
}

}  // namespace

Command bench_command() {
  return {.name = "bench",
          .usage = "MODEL",
          .summary = "how fast a model reads prompts and writes answers here",
          .examples =
              "  ominix bench MODEL\n"
              "  ominix bench MODEL -p 2048 -n 64 -b 8 --json\n"
              "  ominix bench FOLDER/config.json --synthetic 1 --bits 4    # without its weights\n",
          .options = {{"prompt-tokens", "N", "tokens of each prompt (512)", 'p'},
                      {"new-tokens", "N", "tokens decoded behind it (128)", 'n'},
                      {"batch", "B", "texts side by side (1)", 'b'},
                      {"repetitions", "R", "medians are taken over so many runs (3)", 'r'},
                      {"synthetic", "SEED", "random weights at the shapes of config.json"},
                      {"bits", "N", "pack the random weights: 2, 3, 4, 5, 6 or 8 bits"},
                      {"group-size", "G", "weights that share a scale: 32, 64 or 128 (64)"}},
          .min_positional = 1,
          .max_positional = 1,
          .run = run};
}

}  // namespace ominix::cli
