#include <fmt/format.h>
#include <ominix/check.h>

#include <nlohmann/json.hpp>

#include "base/log.h"
#include "cli/commands.h"
#include "cli/terminal.h"

namespace ominix::cli {
namespace {

int run(Arguments& args) {
  bool all_good = true;
  for (size_t i = 0; i < args.count(); ++i) {
    const CheckReport report = check_file(args[i]);
    all_good = all_good && report.ok;
    if (args.has("json")) {
      print_json(
          {{"file", args[i]}, {"ok", report.ok}, {"code", report.code}, {"error", report.error}});
    } else if (report.ok) {
      print(fmt::format("{}: valid\n", args[i]));
    } else {
      log::write(log::Level::error, report.error);
    }
  }
  return all_good ? 0 : 1;
}

}  // namespace

Command check_command() {
  return {
      .name = "check",
      .usage = "FILE…",
      .summary = "reads model files to their end and says what is wrong with them",
      .examples =
          "  ominix check model.gguf\n"
          "  ominix check FOLDER model.safetensors.index.json --json\n"
          "FILE is safetensors, GGUF, an index, config.json, other JSON, or a model's folder.\n"
          "Status 0: all valid; 1: one was refused, with a line that says why.\n"
          "--json: {\"file\", \"ok\", \"code\", \"error\"}, one line a file; code is malformed, "
          "too_big,\nunsupported or unreadable.\n",
      .options = {},
      .min_positional = 1,
      .max_positional = 10'000,
      .run = run};
}

}  // namespace ominix::cli
