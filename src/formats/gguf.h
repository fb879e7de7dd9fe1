#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string_view>
#include <vector>

#include "base/file.h"
#include "formats/gguf_metadata.h"
#include "formats/tensor.h"

namespace ominix::formats {

// One GGUF file, versions 2 and 3, little-endian. Every count, length and offset is checked against
// the file before memory is taken; the tensors cover the data in order, with nothing but alignment
// between them. https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
//
// Thread-safe for reading; by offset, not mapped, as Safetensors.
class Gguf {
 public:
  // Errors: corrupt_data, too_big (a limit), unsupported (a type, version or byte order), those of
  // File.
  explicit Gguf(const std::filesystem::path& path);

  const std::filesystem::path& path() const { return file_.path(); }
  uint64_t file_size() const { return file_.size(); }
  uint32_t version() const { return version_; }

  const GgufMetadata& metadata() const { return metadata_; }
  const std::vector<TensorInfo>& tensors() const {
    return tensors_;
  }  // in the order of their bytes
  const TensorInfo* find(std::string_view name) const;  // or nullptr

  // Fills `out` with the tensor's bytes from `offset` (in bytes, within the tensor).
  void read(const TensorInfo& tensor, uint64_t offset, std::span<std::byte> out) const;
  void will_need(const TensorInfo& tensor) const { file_.will_need(tensor.offset, tensor.bytes); }
  void drop_cache(const TensorInfo& tensor) const { file_.drop_cache(tensor.offset, tensor.bytes); }

 private:
  File file_;
  uint32_t version_ = 0;
  GgufMetadata metadata_;
  std::vector<TensorInfo> tensors_;
  std::vector<uint32_t> by_name_;  // indices of tensors_, names ascending
};

// All parts of one model, from the files that find_checkpoint() found; the first has the metadata.
// Errors: those of Gguf; corrupt_data (a part of something else, a tensor in two parts).
std::vector<Gguf> open_gguf(std::span<const std::filesystem::path> parts);

}  // namespace ominix::formats
