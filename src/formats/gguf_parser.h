#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/file.h"
#include "formats/gguf_metadata.h"
#include "formats/tensor.h"

namespace ominix::formats {

struct GgufContents {
  uint32_t version = 0;
  GgufMetadata::Map values;
  std::vector<TensorInfo> tensors;  // sorted by offset
};

// Reads and checks all of a GGUF file but the tensors' bytes and the uniqueness of their names.
// `where` starts the text of the Error.
GgufContents parse_gguf(const File& file, const std::string& where);

}  // namespace ominix::formats
