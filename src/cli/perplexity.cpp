#include <fmt/format.h>
#include <ominix/perplexity.h>

#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/terminal.h"

namespace ominix::cli {
namespace {

int run(Arguments& args) {
  if (!args.has("file")) {
    throw UsageError("ominix perplexity: expected --file FILE; see `ominix perplexity --help`");
  }
  PerplexityOptions options;
  options.context = args.number("context", 512, 4, 1 << 24);
  options.windows = args.number("windows", 0, 1, 1 << 30);
  const EngineOptions choice = engine_options(args);
  const std::string text = read_input(args.text("file"));

  const InterruptScope interrupt;
  Engine engine(choice);
  const auto model = load(engine, args[0]);
  ProgressBar bar("reading");
  options.go_on = [&](int done, int windows) {
    bar.update(static_cast<uint64_t>(done), static_cast<uint64_t>(windows));
    return !interrupted();
  };
  const PerplexityResult r = perplexity(engine, model, text, options);
  bar.clear();
  if (args.has("json")) {
    print_json({{"perplexity", r.perplexity},
                {"nll", r.nll},
                {"tokens", r.tokens},
                {"text_tokens", r.text_tokens},
                {"windows", r.windows},
                {"context", options.context},
                {"exact", choice.exact}});
  } else {
    print(fmt::format("perplexity {:.4f}, nll {:.5f}, {} tokens in {} windows of {}\n",
                      r.perplexity, r.nll, r.tokens, r.windows, options.context));
  }
  return 0;
}

}  // namespace

Command perplexity_command() {
  return {.name = "perplexity",
          .usage = "MODEL --file F",
          .summary = "how well a model foresees a text",
          .examples =
              "  ominix perplexity MODEL --file wikitext.txt\n"
              "  ominix perplexity MODEL --file wikitext.txt --windows 20 --exact --json\n",
          .options = {{"file", "F", "the text; - is standard input"},
                      {"context", "N", "token ids of a window; its second half is scored (512)"},
                      {"windows", "K", "only the first K windows"}},
          .min_positional = 1,
          .max_positional = 1,
          .run = run};
}

}  // namespace ominix::cli
