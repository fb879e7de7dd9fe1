#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "models/config_reader.h"
#include "models/text_model.h"
#include "weights/rules.h"
#include "weights/scope.h"

namespace ominix::formats {
class Gguf;
}

namespace ominix::models {

// What a family tells the rest of OminiX about itself. Everything else stays in its folder.
struct Family {
  std::string_view name;  // of its folder
  std::string_view task = "text";
  std::vector<std::string_view> model_types;  // config.json, "model_type"

  // Builds the model: reads its config, takes its parameters from the scope.
  std::unique_ptr<TextModel> (*load_text)(ConfigReader& config, const weights::Scope& w) = nullptr;
  // Names and forms of published folders that differ from the family's own.
  weights::Rules (*rules)(const Json& config) = nullptr;

  // GGUF files, when the family has any.
  struct GgufForm {
    std::vector<std::string_view> architectures;  // general.architecture
    // A config.json as the family reads it, from the file's metadata.
    Json (*config)(const formats::Gguf& file);
    // From GGUF's names and forms to the family's own.
    weights::Rules (*rules)(const Json& config);
    // Tells apart families that share an architecture; absent: all files of it.
    bool (*fits)(const formats::Gguf& file) = nullptr;
  };
  std::optional<GgufForm> gguf;
};

// All families of this build.
std::span<const Family> families();

// The family for a config.json or a GGUF file. Errors: unsupported, with the names that are known.
const Family& family_for(const Json& config);
const Family& family_for(const formats::Gguf& file);

}  // namespace ominix::models
