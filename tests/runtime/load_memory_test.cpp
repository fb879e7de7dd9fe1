#include <gtest/gtest.h>
#include <ominix/engine.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "base/file.h"
#include "base/json.h"
#include "formats/gguf.h"
#include "models/family.h"
#include "support/temp_dir.h"
#include "weights/synthetic_folder.h"

// A model takes its file's size and a little more while it loads: the file is read in pieces, and
// each piece is packed and given back.
namespace ominix {
namespace {

uint64_t kilobytes(const char* field) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with(field)) return std::stoull(line.substr(std::string(field).size()));
  }
  return 0;
}

TEST(LoadMemory, PeakIsTheFileAndALittle) {
  const testing::TempDir dir;
  Json config = {
      {"model_type", "qwen3"},        {"vocab_size", 16000},
      {"hidden_size", 1024},          {"intermediate_size", 3072},
      {"num_hidden_layers", 8},       {"num_attention_heads", 16},
      {"num_key_value_heads", 4},     {"head_dim", 64},
      {"tie_word_embeddings", false}, {"quantization", {{"bits", 4}, {"group_size", 64}}}};
  weights::SyntheticOptions options;
  options.quantization = weights::read_quantization(config)->fallback;
  weights::write_synthetic(dir / "model.safetensors", options, [&](const weights::Scope& w) {
    models::ConfigReader reader(config, "config.json");
    models::family_for(config).load_text(reader, w);
  });
  write_atomic(dir / "config.json", config.dump());
  const uint64_t file = std::filesystem::file_size(dir / "model.safetensors");
  ASSERT_GT(file, 60u << 20);

  Engine engine;
  {
    std::ofstream reset("/proc/self/clear_refs");  // the peak starts again from here
    reset << 5 << std::flush;
    ASSERT_TRUE(reset.good());
  }
  const uint64_t before = kilobytes("VmRSS:") << 10;
  const auto model = engine.load(dir.path());
  const uint64_t peak = (kilobytes("VmHWM:") << 10) - before;
  EXPECT_GT(peak, file / 2);  // it is measured at all
  EXPECT_LT(peak, file + file / 4 + (32u << 20)) << "file of " << (file >> 20) << " MB";
  // Its sizes are those that a budget is held against.
  EXPECT_EQ(
      model->info().bytes, file - 8 - [&] {
        std::ifstream in(dir / "model.safetensors", std::ios::binary);
        uint64_t header = 0;
        in.read(reinterpret_cast<char*>(&header), 8);
        return header;
      }());
}

}  // namespace
}  // namespace ominix
