#include <fmt/format.h>
#include <ominix/error.h>

#include <charconv>
#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

#include "base/file.h"
#include "base/json.h"
#include "formats/gguf.h"
#include "kernels/device.h"
#include "models/family.h"
#include "weights/synthetic_folder.h"

// ominix-synthetic-folder CONFIG OUT [BITS GROUP_SIZE]
//
// A model folder with random weights in the shapes of a config.json, dense (bf16) or packed as
// mlx-lm does. For measuring how fast large models load and how much memory that takes.
namespace {

using namespace ominix;

int number(const char* text) {
  int out = 0;
  const std::string_view all(text);
  const auto [end, error] = std::from_chars(all.data(), all.data() + all.size(), out);
  if (error != std::errc() || end != all.data() + all.size())
    throw Error(ErrorCode::invalid_argument, fmt::format("'{}' is not a whole number", text));
  return out;
}

void run(int argc, char** argv) {
  const std::filesystem::path out = argv[2];
  Json config = parse_json(read_text(argv[1], 4u << 20), "config.json");
  weights::SyntheticOptions options;
  if (argc == 5) {
    config["quantization"] = {{"bits", number(argv[3])}, {"group_size", number(argv[4])}};
    options.quantization = weights::read_quantization(config)->fallback;
  }
  kernels::start();
  std::filesystem::create_directories(out);
  weights::write_synthetic(out / "model.safetensors", options, [&](const weights::Scope& w) {
    models::ConfigReader reader(config, "config.json");
    models::family_for(config).load_text(reader, w);
  });
  write_atomic(out / "config.json", config.dump(2) + "\n");
  fmt::print("{}: {} MB\n", out.string(),
             std::filesystem::file_size(out / "model.safetensors") >> 20);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3 && argc != 5) {
    fmt::print(stderr, "usage: ominix-synthetic-folder CONFIG OUT [BITS GROUP_SIZE]\n");
    return 2;
  }
  try {
    run(argc, argv);
    return 0;
  } catch (const std::exception& e) {
    fmt::print(stderr, "{}\n", e.what());
    return 1;
  }
}
