#pragma once

#include <cstddef>
#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/file.h"
#include "formats/tensor.h"

namespace ominix::formats {

// A safetensors file, read as strictly as the reference implementation does: the tensors cover the
// data without holes or overlap, up to the last byte of the file.
// https://github.com/huggingface/safetensors#format
//
// Thread-safe for reading. Bytes are read by offset, not mapped: a file that shrinks under us is an
// Error and never a signal.
class Safetensors {
 public:
  // Errors: corrupt_data, too_big (a limit), unsupported (F4, F6, …), those of File.
  explicit Safetensors(const std::filesystem::path& path);

  const std::filesystem::path& path() const { return file_.path(); }
  uint64_t file_size() const { return file_.size(); }

  const std::vector<TensorInfo>& tensors() const {
    return tensors_;
  }  // in the order of their bytes
  const TensorInfo* find(std::string_view name) const;  // or nullptr
  const std::map<std::string, std::string>& metadata() const { return metadata_; }

  // Fills `out` with the tensor's bytes from `offset` (in bytes, within the tensor).
  void read(const TensorInfo& tensor, uint64_t offset, std::span<std::byte> out) const;
  void will_need(const TensorInfo& tensor) const { file_.will_need(tensor.offset, tensor.bytes); }
  void drop_cache(const TensorInfo& tensor) const { file_.drop_cache(tensor.offset, tensor.bytes); }

 private:
  File file_;
  std::vector<TensorInfo> tensors_;
  std::vector<uint32_t> by_name_;  // indices of tensors_, names ascending
  std::map<std::string, std::string> metadata_;
};

struct SafetensorsEntry {
  std::string name;
  DType type;
  std::vector<int64_t> shape;
};

// Writes a safetensors file piece by piece; it appears at `path`, whole, on commit().
//   SafetensorsWriter out(path, {{"a", DType::f32, {2, 3}}, …});
//   out.append(bytes of a); …; out.commit();
class SafetensorsWriter {
 public:
  // Errors: invalid_argument (a name twice, a negative size, a GGUF block type), io.
  SafetensorsWriter(const std::filesystem::path& path, std::span<const SafetensorsEntry> tensors,
                    const std::map<std::string, std::string>& metadata = {});

  // The next bytes of the data, tensor after tensor in the order given; any pieces.
  void append(std::span<const std::byte> bytes);
  // Errors: invalid_argument when bytes are missing.
  void commit();

 private:
  AtomicFile file_;
  std::string path_;
  uint64_t missing_ = 0;
};

}  // namespace ominix::formats
