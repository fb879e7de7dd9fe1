#include "cli/commands.h"

#include <nlohmann/json.hpp>
#include <vector>

#include "base/log.h"
#include "cli/terminal.h"

namespace ominix::cli {

std::span<const Command> commands() {
  static const std::vector<Command> all = {
      run_command(),   eval_command(), bench_command(), inspect_command(), doctor_command(),
      check_command(), pull_command(), list_command(),  rm_command(),      verify_command()};
  return all;
}

EngineOptions engine_options(const Arguments& args) {
  EngineOptions options;
  const std::string device = args.text("device", "");
  if (args.has("device") && device != "cpu" && device != "gpu") {
    throw UsageError("--device is '" + device + "', expected cpu or gpu");
  }
  options.device = device == "gpu" ? Device::gpu : device == "cpu" ? Device::cpu : Device::best;
  options.threads = args.number("threads", 0, 1, 1024);
  options.exact = args.has("exact");
  return options;
}

std::shared_ptr<const Model> load(Engine& engine, const std::string& path, LoadOptions options) {
  ProgressBar bar("loading");
  options.progress = [&](uint64_t done, uint64_t total) {
    if (interrupted()) throw Error(ErrorCode::cancelled, "load: interrupted");
    bar.update(done, total);
  };
  auto model = engine.load(path, options);
  log::info("loaded {} in {:.2f} s", path, model->info().load_seconds);
  for (const std::string& warning : model->info().warnings) log::info("{}", warning);
  return model;
}

void print_json(const Json& value) {
  print(value.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n");
}

}  // namespace ominix::cli
