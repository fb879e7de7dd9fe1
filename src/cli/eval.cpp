#include <fmt/format.h>
#include <ominix/eval.h>

#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/terminal.h"

namespace ominix::cli {
namespace {

int run(Arguments& args) {
  if (!args.has("in") || !args.has("out")) {
    throw UsageError("ominix eval: expected --in FILE and --out FILE; see `ominix eval --help`");
  }
  EvalOptions options;
  options.taps = args.text("taps");
  options.max_tokens = args.number("max-tokens", 0, 0, 1 << 20);
  options.prefill_chunk = args.number("prefill-chunk", 0, 1, 1 << 24);
  options.go_on = [] { return !interrupted(); };
  EngineOptions engine_choice = engine_options(args);
  engine_choice.exact = !args.has("fast");
  const InterruptScope interrupt;
  Engine engine(engine_choice);
  const auto model = load(engine, args[0]);
  eval_files(engine, model, args.text("in"), args.text("out"), options);
  if (args.has("json")) print_json({{"ok", true}, {"out", args.text("out")}});
  return 0;
}

}  // namespace

Command eval_command() {
  return {
      .name = "eval",
      .usage = "MODEL --in X.safetensors --out Y.safetensors",
      .summary = "one forward pass from named tensors to named tensors",
      .examples =
          "  ominix eval MODEL --in golden.safetensors --out out.safetensors --taps 'layers.*'\n"
          "In:  input_ids int32 (B, L), optional attention_mask int32 (B, L) (left padding).\n"
          "Out: logits float32 (B, L, V); greedy int32 (B, N) with --max-tokens N.\n",
      .options = {{"in", "FILE", "input tensors"},
                  {"out", "FILE", "where to write the results"},
                  {"taps", "GLOB", "also write intermediate values of these names"},
                  {"max-tokens", "N", "also write N greedy tokens a row"},
                  {"prefill-chunk", "C", "read prompts in pieces of C tokens"},
                  {"fast", "", "the arithmetic that `run` takes, instead of exact float32"}},
      .min_positional = 1,
      .max_positional = 1,
      .run = run};
}

}  // namespace ominix::cli
