#include <fmt/format.h>
#include <ominix/quantize.h>

#include <nlohmann/json.hpp>

#include "base/system.h"
#include "cli/commands.h"
#include "cli/terminal.h"

namespace ominix::cli {
namespace {

int run(Arguments& args) {
  QuantizeOptions options;
  options.mode = args.text("mode", "affine");
  options.bits = args.number("bits", 0, 2, 8);
  options.group_size = args.number("group-size", 0, 16, 128);
  const EngineOptions choice = engine_options(args);

  const InterruptScope interrupt;
  Engine engine(choice);
  ProgressBar bar("packing");
  options.go_on = [&](uint64_t read, uint64_t bytes) {
    bar.update(read, bytes);
    return !interrupted();
  };
  const QuantizeResult r = quantize(engine, args[0], args[1], options);
  bar.clear();
  if (args.has("json")) {
    print_json({{"out", args[1]},
                {"mode", options.mode},
                {"bits", r.bits},
                {"group_size", r.group_size},
                {"bytes_before", r.bytes_before},
                {"bytes_after", r.bytes_after},
                {"packed", r.packed},
                {"kept", r.kept},
                {"peak_memory_bytes", peak_memory()}});
  } else {
    print(fmt::format(
        "{}: {} matrices in {} bits ({}, groups of {}), {} tensors as they were; "
        "{:.1f} MB instead of {:.1f} MB\n",
        args[1], r.packed, r.bits, options.mode, r.group_size, r.kept,
        static_cast<double>(r.bytes_after) / 1e6, static_cast<double>(r.bytes_before) / 1e6));
  }
  return 0;
}

}  // namespace

Command quantize_command() {
  return {.name = "quantize",
          .usage = "MODEL OUT",
          .summary = "a smaller copy of a model, in the layout of MLX",
          .examples =
              "  ominix quantize Qwen3-0.6B Qwen3-0.6B-4bit --bits 4 --group-size 64\n"
              "  ominix quantize Qwen3-0.6B Qwen3-0.6B-nvfp4 --mode nvfp4\n"
              "MODEL is a folder with config.json and safetensors. OUT is a new folder, which "
              "mlx-lm reads too.\n",
          .options = {{"bits", "N", "2, 3, 4, 5, 6 or 8 bits a weight (4)"},
                      {"group-size", "G", "weights that share a scale: 32, 64 or 128 (64)"},
                      {"mode", "MODE", "affine (default), mxfp4, mxfp8 or nvfp4"}},
          .min_positional = 2,
          .max_positional = 2,
          .run = run};
}

}  // namespace ominix::cli
