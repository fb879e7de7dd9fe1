#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace ominix {

// What check_file() found. `code` is stable: "malformed", "too_big", "unsupported" (valid, but not
// for OminiX), "unreadable" (the system refused) or empty; `error` is one line.
struct CheckReport {
  bool ok = true;
  std::string_view code;
  std::string error;
};

// Reads a model's file to its last byte without building the model: safetensors, GGUF (with its
// vocabulary), *.safetensors.index.json (with its shards), config.json, other *.json (syntax). Of a
// folder, config.json and all weights. NumPy files, pickles and archives are refused unopened.
// Never throws for what a file holds.
CheckReport check_file(const std::filesystem::path& path);

}  // namespace ominix
