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

}  // namespace

std::unique_ptr<Model::Impl> load_model(const std::filesystem::path& path, uint64_t memory_budget,
                                        const LoadOptions& options) {
  const auto started = std::chrono::steady_clock::now();
  ModelFiles files = open_model(path);
  const uint64_t bytes = total_bytes(files.tensors);
  check_budget(path, bytes, memory_budget);

  auto model = std::make_unique<Model::Impl>();
  model->info.family = files.family->name;
  model->info.task = files.family->task;
  model->info.path = path.string();
  model->info.parameters = files.parameters;
  model->info.bytes = bytes;

  weights::Loader::Progress progress;
  if (options.progress) {
    progress = [&](uint64_t done) { options.progress(std::min(done, bytes), bytes); };
  }
  weights::Loader loader(
      weights::make_source(std::move(files.tensors), std::move(files.quantization), path.string()),
      progress);
  models::ConfigReader config(*files.config, files.config_name);
  model->text = files.family->load_text(config, weights::Scope(loader));
  loader.finish();
  for (const std::string& key : config.unread()) {
    model->info.warnings.push_back(
        fmt::format("{}: '{}' is not used by this family", files.config_name, key));
  }
  const models::TextInfo info = model->text->info();
  model->info.vocab_size = info.vocab_size;
  model->info.max_positions = info.max_positions;
  model->tokenizer = std::move(files.tokenizer);
  model->chat_template = std::move(files.chat_template);
  model->stop_ids = std::move(files.stop_ids);
  model->info.load_seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
  return model;
}

}  // namespace ominix::runtime
