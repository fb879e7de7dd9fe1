#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "formats/tensor.h"

namespace ominix::formats {

struct SafetensorsHeader {
  std::vector<TensorInfo> tensors;  // sorted by offset
  std::map<std::string, std::string> metadata;
};

// Parses and checks the JSON of a safetensors file whose data begins at `data_start` and has
// `data_bytes` bytes. `where` starts the text of the Error.
SafetensorsHeader parse_safetensors_header(std::string_view json, uint64_t data_start,
                                           uint64_t data_bytes, std::string_view where);

// The name in a safetensors header, empty for GGUF's block types.
std::string_view safetensors_name(DType type);

}  // namespace ominix::formats
