#pragma once

#include <ominix/engine.h>
#include <ominix/template.h>
#include <ominix/tokenizer.h>

#include <filesystem>
#include <memory>
#include <vector>

#include "models/text_model.h"
#include "runtime/dry_breakers.h"

namespace ominix {

struct Model::Impl {
  ModelInfo info;
  std::unique_ptr<const models::TextModel> text;
  std::shared_ptr<const Tokenizer> tokenizer;  // may be absent
  std::unique_ptr<const ChatTemplate> chat_template;
  std::vector<int32_t> stop_ids;
  mutable runtime::BreakerIds breakers;
};

namespace runtime {

// Loads a model on the engine's thread. Errors: those of Engine::load.
std::unique_ptr<Model::Impl> load_model(const std::filesystem::path& path, uint64_t memory_budget,
                                        const LoadOptions& options);

}  // namespace runtime
}  // namespace ominix
