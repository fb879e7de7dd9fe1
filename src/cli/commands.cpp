#include "cli/commands.h"

#include <array>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <vector>

#include "base/file.h"
#include "base/log.h"
#include "cli/terminal.h"

namespace ominix::cli {

std::span<const Command> commands() {
  static const std::vector<Command> all = {
      run_command(),        chat_command(),     eval_command(),     bench_command(),
      inspect_command(),    quantize_command(), tokenize_command(), template_command(),
      perplexity_command(), diff_command(),     doctor_command(),   check_command(),
      pull_command(),       list_command(),     rm_command(),       verify_command(),
      completion_command()};
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

std::string read_input(const std::string& path) {
  constexpr uint64_t kMost = 1u << 30;
  if (path != "-") return read_text(path, kMost);
  std::string out;
  std::array<char, 1 << 16> piece{};
  while (const size_t n = std::fread(piece.data(), 1, piece.size(), stdin)) {
    out.append(piece.data(), n);
    if (out.size() > kMost) {
      throw Error(ErrorCode::too_big, "standard input: more than 1 GiB, expected less");
    }
  }
  if (std::ferror(stdin) != 0) throw Error(ErrorCode::io, "standard input: cannot be read");
  return out;
}

bool print_json(const Json& value) {
  return print(value.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n");
}

}  // namespace ominix::cli
