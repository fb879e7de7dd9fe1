#include <fmt/format.h>
#include <ominix/error.h>

#include <csignal>
#include <cstdio>
#include <exception>
#include <new>
#include <nlohmann/json.hpp>
#include <span>
#include <string_view>
#include <vector>

#include "base/log.h"
#include "cli/arguments.h"
#include "cli/commands.h"
#include "cli/terminal.h"

namespace ominix::cli {
namespace {

std::string overview() {
  std::string out =
      "ominix COMMAND [MODEL] …\n\n"
      "Runs language models on this machine. MODEL is a folder with config.json and safetensors, "
      "or\n"
      "a .gguf file.\n\nCommands\n";
  for (const Command& command : commands()) {
    out += fmt::format("  {:<12} {}\n", command.name, command.summary);
  }
  out +=
      "\n`ominix COMMAND --help` explains a command. Start with\n"
      "  ominix run MODEL \"What is the capital of France?\"\n";
  return out;
}

const Command* find(std::string_view name) {
  for (const Command& command : commands()) {
    if (command.name == name) return &command;
  }
  return nullptr;
}

int run(std::span<const std::string_view> words) {
  if (words.empty()) {
    fmt::print(stderr, "{}", overview());
    return 2;
  }
  if (words[0] == "--help" || words[0] == "-h" || words[0] == "help") {
    const Command* command = words.size() > 1 ? find(words[1]) : nullptr;
    print(command ? help(*command) : overview());
    return 0;
  }
  if (words[0] == "--version") {
    print("ominix " OMINIX_VERSION "\n");
    return 0;
  }
  const Command* command = find(words[0]);
  if (!command) {
    throw UsageError(fmt::format("ominix: unknown command '{}'; see `ominix --help`", words[0]));
  }
  Arguments args(*command, words.subspan(1));
  if (args.has("help")) {
    print(help(*command));
    return 0;
  }
  if (args.has("verbose")) log::set_level(log::Level::info);
  try {
    return command->run(args);
  } catch (const Error& e) {
    if (interrupted()) return kInterrupted;
    if (args.has("json")) {
      print(Json{{"ok", false}, {"code", to_string(e.code())}, {"error", e.what()}}.dump(
                -1, ' ', false, Json::error_handler_t::replace) +
            "\n");
    }
    throw;
  }
}

}  // namespace
}  // namespace ominix::cli

int main(int argc, char** argv) {
  using namespace ominix;
  std::signal(SIGPIPE, SIG_IGN);
  const std::vector<std::string_view> words(argv + std::min(argc, 1), argv + argc);
  try {
    return cli::run(words);
  } catch (const cli::UsageError& e) {
    log::write(log::Level::error, e.what());
    return 2;
  } catch (const std::bad_alloc&) {
    log::write(log::Level::error, "out of memory");
  } catch (const std::exception& e) {
    log::write(log::Level::error, e.what());
  }
  return 1;
}
