#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <vector>

#include "formats/gguf_metadata.h"
#include "formats/tensor_file.h"

namespace ominix::formats {

// One GGUF file, versions 2 and 3, little-endian. Every count, length and offset is checked against
// the file before memory is taken; the tensors cover the data in order, with nothing but alignment
// between them. https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
class Gguf : public TensorFile {
 public:
  // Errors: corrupt_data, too_big (a limit), unsupported (a type, version or byte order), those of
  // File.
  explicit Gguf(const std::filesystem::path& path);

  uint32_t version() const { return version_; }
  const GgufMetadata& metadata() const { return metadata_; }

 private:
  uint32_t version_ = 0;
  GgufMetadata metadata_;
};

// All parts of one model, from the files that find_checkpoint() found; the first has the metadata.
// Errors: those of Gguf; corrupt_data (a part of something else, a tensor in two parts).
std::vector<Gguf> open_gguf(std::span<const std::filesystem::path> parts);

}  // namespace ominix::formats
