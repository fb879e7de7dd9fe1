#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ominix::formats {

// The files that hold a model's weights.
struct CheckpointFiles {
  enum class Kind { safetensors, gguf };
  Kind kind = Kind::safetensors;
  std::vector<std::filesystem::path> files;  // in the order of their names
  std::filesystem::path index;               // model.safetensors.index.json, empty without one
};

// `model` is a folder, a .safetensors file or a .gguf file (of a split: any part).
// In a folder, the first of these that exists:
//   model.safetensors
//   the shards of model.safetensors.index.json, or of the only *.safetensors.index.json
//   model*.safetensors (shards without index: all numbers must be there)
//   the only *.safetensors
//   the only *.gguf, or the parts of the only split one
// Errors: not_found, corrupt_data (a missing shard, a name that leaves the folder),
// invalid_argument (several candidates).
CheckpointFiles find_checkpoint(const std::filesystem::path& model);

// tensor -> file name, from an index file; the names are plain. Errors: corrupt_data, too_big.
struct SafetensorsIndex {
  std::vector<std::string> files;                         // each once, ascending
  std::vector<std::pair<std::string, uint32_t>> tensors;  // name, index in `files`; ascending
};
SafetensorsIndex read_safetensors_index(const std::filesystem::path& path);

// `folder / name` after links are followed. `name` must be one plain file name, and a link may not
// leave the model: the folder, or the whole repository when the folder is a snapshot of the Hugging
// Face cache (models--ORG--NAME/snapshots/REVISION, whose files are links into ../../blobs).
// Errors: corrupt_data (another kind of name, a link that leaves), not_found.
std::filesystem::path resolve_inside(const std::filesystem::path& folder, std::string_view name);

// True for one file name that cannot lead elsewhere: no separators, no NUL, not "." or "..", at
// most 255 bytes.
bool is_plain_name(std::string_view name);

// The parts of "NAME-00002-of-00003.SUFFIX", or nothing.
struct ShardName {
  std::string stem;  // "NAME"
  uint32_t number = 0, count = 0;
  std::string suffix;  // ".gguf"

  std::string with_number(uint32_t n) const;
};
std::optional<ShardName> parse_shard_name(std::string_view name);

}  // namespace ominix::formats
