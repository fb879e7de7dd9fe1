#pragma once

#include <ominix/engine.h>

#include <memory>
#include <span>

#include "base/json.h"
#include "cli/arguments.h"

namespace ominix::cli {

// All commands of the program, in the order of `ominix --help`.
std::span<const Command> commands();

Command run_command();
Command bench_command();
Command eval_command();
Command inspect_command();
Command doctor_command();
Command check_command();
Command pull_command();
Command list_command();
Command rm_command();
Command verify_command();

// --device, --threads, --exact.
EngineOptions engine_options(const Arguments& args);

// Loads with a progress bar, and prints the model's warnings when verbose. Stops on Ctrl-C inside
// an InterruptScope.
std::shared_ptr<const Model> load(Engine& engine, const std::string& path,
                                  LoadOptions options = {});

void print_json(const Json& value);

}  // namespace ominix::cli
