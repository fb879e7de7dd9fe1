#include <fmt/format.h>
#include <ominix/template.h>
#include <ominix/tokenizer.h>

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>
#include <set>

#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "formats/gguf.h"
#include "formats/safetensors.h"
#include "models/family.h"
#include "runtime/model_files.h"
#include "runtime/model_impl.h"
#include "weights/scope.h"

namespace ominix::runtime {
namespace {

uint64_t total_bytes(const weights::TensorMap& tensors) {
  uint64_t bytes = 0;
  for (const auto& [name, tensor] : tensors) bytes += tensor.bytes;
  return bytes;
}

void check_budget(const std::filesystem::path& path, uint64_t needed, uint64_t budget) {
  if (needed <= budget) return;
  throw fail(ErrorCode::out_of_memory,
             "load: '{}' needs {} MB of memory, {} MB are free; close other programs or take a "
             "smaller quantization",
             path.string(), (needed + (1 << 20) - 1) >> 20, budget >> 20);
}

// Runs the model's constructors, which take what they need from the loader.
void construct(Model::Impl& model, const models::Family& family, const Json& config,
               const std::string& config_name, weights::Loader& loader) {
  models::ConfigReader reader(config, config_name);
  model.text = family.load_text(reader, weights::Scope(loader));
  loader.finish();
  model.info.family = family.name;
  model.info.task = family.task;
  for (const std::string& key : reader.unread()) {
    model.info.warnings.push_back(
        fmt::format("{}: '{}' is not used by this family", config_name, key));
  }
  const models::TextInfo info = model.text->info();
  model.info.vocab_size = info.vocab_size;
  model.info.max_positions = info.max_positions;
}

void load_files(Model::Impl& model, const std::filesystem::path& path, uint64_t memory_budget,
                const LoadOptions& options) {
  ModelFiles files = open_model(path);
  const uint64_t bytes = total_bytes(files.tensors);
  check_budget(path, bytes, memory_budget);
  model.info.parameters = files.parameters;
  model.info.bytes = bytes;
  weights::Loader::Progress progress;
  if (options.progress) {
    progress = [&](uint64_t done) { options.progress(std::min(done, bytes), bytes); };
  }
  weights::Loader loader(
      weights::make_source(std::move(files.tensors), std::move(files.quantization), path.string()),
      progress);
  construct(model, *files.family, *files.config, files.config_name, loader);
  model.tokenizer = std::move(files.tokenizer);
  model.chat_template = std::move(files.chat_template);
  model.stop_ids = std::move(files.stop_ids);
}

void make_synthetic(Model::Impl& model, const std::filesystem::path& path, uint64_t memory_budget,
                    const LoadOptions& options) {
  const SyntheticWeights& wanted = *options.synthetic;
  const auto file = std::filesystem::is_directory(path) ? path / "config.json" : path;
  const Json config = parse_json(read_text(file, 4u << 20), file.filename().string());
  weights::SyntheticOptions choice{.seed = wanted.seed, .quantization = {}};
  if (wanted.bits != 0) {
    const Json block = {{"bits", wanted.bits}, {"group_size", wanted.group_size}};
    choice.quantization = weights::read_quantization({{"quantization", block}})->fallback;
  }
  // How much it is shows only while it is made.
  weights::Loader loader(weights::make_synthetic_source(choice), [&](uint64_t done) {
    check_budget(path, done, memory_budget);
    model.info.bytes = done;
    if (options.progress) options.progress(done, 0);
  });
  construct(model, models::family_for(config), config, file.filename().string(), loader);
  model.info.parameters = loader.parameters();
}

}  // namespace

std::unique_ptr<Model::Impl> load_model(const std::filesystem::path& path, uint64_t memory_budget,
                                        const LoadOptions& options) {
  const auto started = std::chrono::steady_clock::now();
  auto model = std::make_unique<Model::Impl>();
  model->info.path = path.string();
  if (options.synthetic) {
    make_synthetic(*model, path, memory_budget, options);
  } else {
    load_files(*model, path, memory_budget, options);
  }
  model->info.load_seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
  return model;
}

}  // namespace ominix::runtime
