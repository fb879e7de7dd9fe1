#include <fmt/format.h>
#include <ominix/diff.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/terminal.h"

namespace ominix::cli {
namespace {

int run(Arguments& args) {
  const double tolerance = args.number("tolerance", 1e-4, 0, 1e9);
  EngineOptions choice = engine_options(args);
  choice.exact = !args.has("fast");
  const InterruptScope interrupt;
  Engine engine(choice);
  const auto model = load(engine, args[0]);
  const std::vector<DiffStage> stages = diff(engine, model, args[1], [] { return !interrupted(); });
  const auto first =
      std::ranges::find_if(stages, [&](const DiffStage& s) { return !(s.rel <= tolerance); });
  const bool equal = first == stages.end();
  if (args.has("json")) {
    Json list = Json::array();
    for (const DiffStage& s : stages) {
      list.push_back({{"name", s.name}, {"max_abs", s.max_abs}, {"rel", s.rel}});
    }
    print_json({{"stages", std::move(list)},
                {"tolerance", tolerance},
                {"first", equal ? Json() : Json(first->name)}});
  } else {
    for (const DiffStage& s : stages) {
      print(fmt::format("{:<24} max {:9.3e}  rel {:9.3e}{}\n", s.name, s.max_abs, s.rel,
                        s.rel <= tolerance ? "" : "  differs"));
    }
    print(equal ? fmt::format("All {} stages agree within {:g}.\n", stages.size(), tolerance)
                : fmt::format("First to differ: {}\n", first->name));
  }
  return equal ? 0 : 1;
}

}  // namespace

Command diff_command() {
  return {
      .name = "diff",
      .usage = "MODEL GOLDEN",
      .summary = "stage by stage against a golden file: the first that differs",
      .examples =
          "  ominix diff GOLDEN_FOLDER GOLDEN_FOLDER    # one that holds its model too\n"
          "  ominix diff MODEL golden.safetensors --tolerance 1e-3 --json\n"
          "Exits with 1 when a stage differs.\n",
      .options = {{"tolerance", "T", "differences up to T times the largest value agree (1e-4)"},
                  {"fast", "", "the arithmetic that `run` takes, instead of exact float32"}},
      .min_positional = 2,
      .max_positional = 2,
      .run = run};
}

}  // namespace ominix::cli
