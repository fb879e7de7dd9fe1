#include <fmt/format.h>
#include <fmt/ranges.h>
#include <ominix/inspect.h>

#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/terminal.h"

namespace ominix::cli {
namespace {

int run(Arguments& args) {
  const ModelSummary m = inspect(args[0]);
  if (args.has("json")) {
    Json tensors = Json::array();
    for (const TensorSummary& t : m.tensors) {
      tensors.push_back(
          {{"name", t.name}, {"type", t.type}, {"shape", t.shape}, {"bytes", t.bytes}});
    }
    print_json({{"family", m.family},
                {"task", m.task},
                {"parameters", m.parameters},
                {"bytes", m.bytes},
                {"quantization", m.quantization},
                {"context", m.context},
                {"tokenizer", m.tokenizer},
                {"chat_template", m.chat_template},
                {"tensors", std::move(tensors)}});
    return 0;
  }
  print(fmt::format("family         {} ({})\n", m.family, m.task));
  print(fmt::format("parameters     {:.1f} M in {} tensors\n",
                    static_cast<double>(m.parameters) / 1e6, m.tensors.size()));
  print(fmt::format("size           {:.1f} MB\n", static_cast<double>(m.bytes) / 1e6));
  print(fmt::format("quantization   {}\n", m.quantization));
  print(fmt::format("context        {} tokens\n", m.context));
  print(fmt::format("tokenizer      {}\n", m.tokenizer ? "yes" : "no"));
  print(fmt::format("chat template  {}\n", m.chat_template ? "yes" : "no"));
  if (args.has("tensors")) {
    for (const TensorSummary& t : m.tensors) {
      print(fmt::format("{:<6} {:<20} {}\n", t.type, fmt::format("({})", fmt::join(t.shape, ", ")),
                        t.name));
    }
  }
  return 0;
}

}  // namespace

Command inspect_command() {
  return {.name = "inspect",
          .usage = "MODEL",
          .summary = "what a model's files hold, without loading it",
          .examples = "  ominix inspect SmolLM2-135M-Instruct.Q4_1.gguf --tensors\n",
          .options = {{"tensors", "", "list every tensor (always in --json)"}},
          .min_positional = 1,
          .max_positional = 1,
          .run = run};
}

}  // namespace ominix::cli
