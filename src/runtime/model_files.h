#pragma once

#include <ominix/template.h>
#include <ominix/tokenizer.h>

#include <filesystem>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "models/family.h"
#include "weights/source.h"

namespace ominix::runtime {

// What a model's files say, before anything is computed: the same from a folder and from GGUF.
struct ModelFiles {
  ModelFiles();
  ModelFiles(ModelFiles&&) noexcept;
  ~ModelFiles();

  const models::Family* family = nullptr;
  std::string config_name;  // "config.json" or the GGUF file, for error texts
  std::unique_ptr<const Json> config;
  weights::TensorMap tensors;  // with the family's own names
  std::optional<weights::QuantizationConfig> quantization;
  uint64_t parameters = 0;
  std::shared_ptr<const Tokenizer> tokenizer;  // null when the model has none
  std::unique_ptr<const ChatTemplate> chat_template;
  std::vector<int32_t> stop_ids;
};

// `model`: a folder, a .gguf file, or the id of a model in the store.
// Errors: not_found, corrupt_data, unsupported.
ModelFiles open_model(const std::filesystem::path& model);

}  // namespace ominix::runtime
