#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "formats/gguf.h"
#include "weights/rules.h"

// What text families have in common where they come from GGUF files (llama.cpp's names and
// metadata) or from a config.json.
namespace ominix::models::shared {

// Reads `architecture`.key of a file's metadata. Errors: corrupt_data, naming the key.
class GgufMeta {
 public:
  explicit GgufMeta(const formats::Gguf& file);

  int64_t require(const std::string& key) const;
  std::optional<int64_t> integer(const std::string& key) const;
  std::optional<double> number(const std::string& key) const;
  std::optional<std::string> text(const std::string& key) const;
  std::optional<bool> flag(const std::string& key) const;

 private:
  const formats::GgufMetadata& metadata_;
  std::string prefix_;
};

// A config.json with transformers' key names, made from the metadata of `general.architecture`.
// Errors: corrupt_data, naming the metadata key.
Json gguf_text_config(const formats::Gguf& file, const char* model_type);

// GGUF's tensor names to transformers' names.
weights::Rules gguf_text_rules();

// Files of architecture "llama" store the q and k rows of a head as pairs (2i, 2i + 1) where the
// reference has (i, i + d/2).
weights::Rules gguf_unpaired_rules(const Json& config);

// What published folders of any text family hold and no model needs.
weights::Rules text_rules(const Json& config);

weights::Rules joined(std::vector<weights::Rules> parts);

}  // namespace ominix::models::shared
