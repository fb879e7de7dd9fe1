#include <fmt/format.h>
#include <ominix/tokenizer.h>

#include <nlohmann/json.hpp>

#include "base/system.h"
#include "cli/answer.h"
#include "cli/commands.h"
#include "cli/terminal.h"

namespace ominix::cli {
namespace {

std::vector<int32_t> prompt_ids(const Model& model, const Arguments& args,
                                const std::string& prompt) {
  if (args.has("raw") || !model.has_chat_template()) {
    if (args.has("system")) {
      throw UsageError(
          "--system needs the model's chat template, which --raw leaves out or the model lacks");
    }
    return model.tokenizer().encode(prompt);
  }
  std::vector<ChatMessage> messages;
  if (args.has("system")) messages.push_back({"system", args.text("system")});
  messages.push_back({"user", prompt});
  return model.chat_prompt(messages);
}

Json logprobs_json(const Answer& answer, const Tokenizer& tokenizer) {
  Json out = Json::array();
  for (size_t i = 0; i < answer.logprobs.size(); ++i) {
    Json top = Json::array();
    for (const TokenLogprob& t : answer.logprobs[i].top) {
      top.push_back({{"id", t.id}, {"token", tokenizer.token(t.id)}, {"logprob", t.logprob}});
    }
    out.push_back({{"id", answer.tokens.at(i)},
                   {"token", tokenizer.token(answer.tokens.at(i))},
                   {"logprob", answer.logprobs[i].logprob},
                   {"top", std::move(top)}});
  }
  return out;
}

int run(Arguments& args) {
  TextRequest request;
  request.max_tokens = args.number("max-tokens", 512, 1, 1 << 24);
  request.sampling = sampling(args);
  request.stop = args.all("stop");
  request.logprobs = args.number("logprobs", -1, 0, 100);
  request.state_in = request.state_out = args.text("state");
  const EngineOptions options = engine_options(args);
  const bool json = args.has("json");
  if (request.logprobs >= 0 && !json) throw UsageError("--logprobs shows in --json only");
  const std::string prompt = args[1] == "-" ? read_input("-") : args[1];

  Answer answer;
  double load_seconds = 0;
  Json logprobs;
  {
    const InterruptScope interrupt;
    Engine engine(options);
    const auto model = load(engine, args[0]);
    load_seconds = model->info().load_seconds;
    request.prompt = prompt_ids(*model, args, prompt);
    const bool wanted = request.logprobs >= 0;
    answer = stream_answer(engine, model, std::move(request), !json);
    if (wanted) logprobs = logprobs_json(answer, model->tokenizer());
  }
  if (json) {
    Json out = {{"text", answer.text},
                {"tokens", answer.tokens},
                {"prompt_tokens", answer.stats.prompt_tokens},
                {"completion_tokens", answer.stats.completion_tokens},
                {"finish_reason", to_string(answer.reason)},
                {"load_s", load_seconds},
                {"prefill_s", answer.stats.prefill_seconds},
                {"decode_s", answer.stats.decode_seconds},
                {"prefill_tps", answer.prefill_tps()},
                {"decode_tps", answer.decode_tps()},
                {"peak_memory_bytes", peak_memory()}};
    if (!logprobs.is_null()) out["logprobs"] = std::move(logprobs);
    print_json(out);
  } else {
    print("\n");
    fmt::print(stderr,
               "{} prompt tokens at {:.0f}/s, {} tokens at {:.1f}/s, loaded in {:.2f} s, {} MB\n",
               answer.stats.prompt_tokens, answer.prefill_tps(), answer.stats.completion_tokens,
               answer.decode_tps(), load_seconds, peak_memory() >> 20);
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
          "  ominix run MODEL \"Once upon a time\" --raw --max-tokens 100 --json\n"
          "  git diff | ominix run MODEL - --system \"Summarise this change.\"\n",
      .options = with_sampling_options(
          {{"raw", "", "give the prompt to the model as it is, without its chat template"},
           {"system", "TEXT", "instructions before the prompt"},
           {"max-tokens", "N", "length of the answer at most (512)", 'n'},
           {"logprobs", "K", "in --json: each token's log probability and the K likeliest"},
           {"state", "FILE", "keep what was read and said; a prompt that begins alike goes on"}}),
      .min_positional = 2,
      .max_positional = 2,
      .run = run};
}

}  // namespace ominix::cli
