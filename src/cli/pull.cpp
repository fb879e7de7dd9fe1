#include <fmt/format.h>
#include <ominix/store.h>

#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/terminal.h"

namespace ominix::cli {
namespace {

PullOptions::Hub hub_of(const std::string& name) {
  if (name == "huggingface") return PullOptions::Hub::hugging_face;
  if (name == "modelscope") return PullOptions::Hub::modelscope;
  throw UsageError(fmt::format("--from is '{}', expected huggingface or modelscope", name));
}

int run(Arguments& args) {
  PullOptions options = PullOptions::from_environment(hub_of(args.text("from", "huggingface")));
  options.revision = args.text("revision");
  options.include = args.all("include");
  options.parallel = args.number("parallel", options.parallel, 1, 16);
  const InterruptScope interrupt;
  Store store(Store::default_root(), Store::default_hugging_face_cache());
  PullResult result;
  try {
    ProgressBar bar("pulling");
    options.progress = [&](uint64_t done, uint64_t total) {
      bar.update(done, total);
      return !interrupted();
    };
    result = store.pull(args[0], options);
  } catch (const Error& e) {
    if (e.code() == ErrorCode::cancelled && interrupted()) return kInterrupted;
    throw;
  }
  if (args.has("json")) {
    print_json({{"ok", true},
                {"id", result.model.id},
                {"revision", result.model.revision},
                {"folder", result.model.folder.string()},
                {"bytes", result.model.bytes},
                {"received_bytes", result.received_bytes},
                {"reused_bytes", result.reused_bytes}});
  } else {
    print(fmt::format("{}\n", result.model.folder.string()));
  }
  return 0;
}

}  // namespace

Command pull_command() {
  return {.name = "pull",
          .usage = "ID",
          .summary = "fetches a model, or what is missing of it",
          .examples =
              "  ominix pull Qwen/Qwen2.5-0.5B-Instruct\n"
              "  ominix pull Qwen/Qwen2.5-0.5B-Instruct-GGUF --include '*q4_k_m.gguf'\n"
              "  ominix pull Qwen/Qwen2.5-0.5B-Instruct --from modelscope\n"
              "Goes on where an interrupted download stopped, and checks sizes and hashes.\n"
              "Environment: HF_ENDPOINT, HF_TOKEN; MODELSCOPE_DOMAIN, MODELSCOPE_API_TOKEN;\n"
              "OMINIX_HOME is where models are kept (~/.cache/ominix).\n",
          .options = {{"revision", "R", "a branch, tag or commit (the main branch)"},
                      {"include", "GLOB", "only files whose path matches; may be given again"},
                      {"from", "HUB", "huggingface (default) or modelscope"},
                      {"parallel", "N", "files at a time (4)"}},
          .min_positional = 1,
          .max_positional = 1,
          .run = run};
}

}  // namespace ominix::cli
