#include <fmt/format.h>
#include <ominix/tokenizer.h>

#include <nlohmann/json.hpp>

#include "base/system.h"
#include "cli/commands.h"
#include "cli/terminal.h"

namespace ominix::cli {
namespace {

std::vector<int32_t> prompt_ids(const Model& model, const Arguments& args) {
  if (args.has("raw") || !model.has_chat_template()) return model.tokenizer().encode(args[1]);
  std::vector<ChatMessage> messages;
  if (args.has("system")) messages.push_back({"system", args.text("system")});
  messages.push_back({"user", args[1]});
  return model.chat_prompt(messages);
}

int run(Arguments& args) {
  TextRequest request;
  request.max_tokens = args.number("max-tokens", 512, 1, 1 << 24);
  request.sampling.temperature = args.number("temperature", 0.0f, 0, 100);
  request.sampling.top_k = args.number("top-k", 0, 0, 1 << 24);
  request.sampling.top_p = args.number("top-p", 1.0f, 1e-6f, 1);
  request.sampling.min_p = args.number("min-p", 0.0f, 0, 1);
  request.sampling.repetition_penalty = args.number("repetition-penalty", 1.0f, 1e-3f, 100);
  request.sampling.seed = args.number<uint64_t>("seed", 0, 0);
  request.stop = args.all("stop");
  const EngineOptions options = engine_options(args);
  const bool json = args.has("json");

  const InterruptScope interrupt;
  Engine engine(options);
  const auto model = load(engine, args[0]);
  request.prompt = prompt_ids(*model, args);

  TextStream stream = engine.generate(model, request);
  std::string text;
  std::vector<int32_t> tokens;
  while (auto piece = stream.next()) {
    text += piece->text;
    tokens.insert(tokens.end(), piece->ids.begin(), piece->ids.end());
    if (!json && !print(piece->text)) stream.cancel();
    if (interrupted()) stream.cancel();
  }
  const TextStats stats = stream.stats();
  const auto rate = [](int count, double seconds) { return seconds > 0 ? count / seconds : 0.0; };
  const double prefill_tps = rate(stats.prompt_tokens, stats.prefill_seconds);
  const double decode_tps = rate(stats.completion_tokens - 1, stats.decode_seconds);
  if (json) {
    print_json({{"text", text},
                {"tokens", tokens},
                {"prompt_tokens", stats.prompt_tokens},
                {"completion_tokens", stats.completion_tokens},
                {"finish_reason", to_string(stream.finish_reason())},
                {"load_s", model->info().load_seconds},
                {"prefill_s", stats.prefill_seconds},
                {"decode_s", stats.decode_seconds},
                {"prefill_tps", prefill_tps},
                {"decode_tps", decode_tps},
                {"peak_memory_bytes", peak_memory()}});
  } else {
    print("\n");
    fmt::print(stderr,
               "{} prompt tokens at {:.0f}/s, {} tokens at {:.1f}/s, loaded in {:.2f} s, {} MB\n",
               stats.prompt_tokens, prefill_tps, stats.completion_tokens, decode_tps,
               model->info().load_seconds, peak_memory() >> 20);
  }
  return interrupted() ? kInterrupted : 0;
}

}  // namespace

Command run_command() {
  return {
      .name = "run",
      .usage = "MODEL PROMPT",
      .summary = "one answer to a prompt, streamed",
      .examples =
          "  ominix run SmolLM2-135M-Instruct.Q4_1.gguf \"What is the capital of France?\"\n"
          "  ominix run MODEL \"Tell me a joke\" --temperature 0.8 --top-p 0.95 --seed 7\n"
          "  ominix run MODEL \"Once upon a time\" --raw --max-tokens 100 --json\n",
      .options = {{"raw", "", "give the prompt to the model as it is, without its chat template"},
                  {"system", "TEXT", "instructions before the prompt"},
                  {"max-tokens", "N", "length of the answer at most (512)", 'n'},
                  {"temperature", "T",
                   "0 takes the likeliest token (default), 1 samples as learned"},
                  {"top-k", "K", "sample among the K likeliest tokens"},
                  {"top-p", "P", "sample among the likeliest tokens that hold a share P"},
                  {"min-p", "P", "drop tokens less likely than P times the likeliest"},
                  {"repetition-penalty", "R", "above 1 makes recent tokens less likely"},
                  {"seed", "N", "the same seed gives the same text (0)"},
                  {"stop", "TEXT", "end the answer before this text; may be given again"}},
      .min_positional = 2,
      .max_positional = 2,
      .run = run};
}

}  // namespace ominix::cli
