#pragma once

#include <ominix/engine.h>

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/json.h"
#include "cli/arguments.h"

namespace ominix::cli {

// All commands of the program, in the order of `ominix --help`.
std::span<const Command> commands();

Command run_command();
Command chat_command();
Command eval_command();
Command bench_command();
Command inspect_command();
Command quantize_command();
Command tokenize_command();
Command template_command();
Command perplexity_command();
Command diff_command();
Command doctor_command();
Command check_command();
Command pull_command();
Command list_command();
Command rm_command();
Command verify_command();
Command completion_command();

// --device, --threads, --exact.
EngineOptions engine_options(const Arguments& args);

// Loads with a progress bar, and prints the model's warnings when verbose. Stops on Ctrl-C inside
// an InterruptScope.
std::shared_ptr<const Model> load(Engine& engine, const std::string& path,
                                  LoadOptions options = {});

// What run and chat share: the samplers' options behind `options`, and their values.
std::vector<Option> with_sampling_options(std::vector<Option> options);
Sampling sampling(const Arguments& args);

// The bytes of a file, or of standard input for "-". Errors: those of File; too_big (1 GiB).
std::string read_input(const std::string& path);

// One line; false when nobody reads it any more.
bool print_json(const Json& value);

}  // namespace ominix::cli
