#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string_view>
#include <vector>

#include "base/file.h"
#include "formats/tensor.h"

namespace ominix::formats {

// What the readers of all formats share: an open file and the table of its tensors. Bytes are read
// by offset, not mapped: a file that shrinks under us is an Error and never a signal.
// Thread-safe for reading.
class TensorFile {
 public:
  const std::filesystem::path& path() const { return file_.path(); }
  uint64_t file_size() const { return file_.size(); }

  // In the order of their bytes.
  const std::vector<TensorInfo>& tensors() const { return tensors_; }
  const TensorInfo* find(std::string_view name) const;  // or nullptr

  // Fills `out` with the tensor's bytes from `offset` (in bytes, within the tensor).
  // Errors: invalid_argument (a range outside the tensor), those of File.
  void read(const TensorInfo& tensor, uint64_t offset, std::span<std::byte> out) const;
  void will_need(const TensorInfo& tensor) const { file_.will_need(tensor.offset, tensor.bytes); }
  void drop_cache(const TensorInfo& tensor) const { file_.drop_cache(tensor.offset, tensor.bytes); }

 protected:
  explicit TensorFile(const std::filesystem::path& path) : file_(path) {}
  // Errors: corrupt_data (a name that stands twice); `where` starts the text.
  void set_tensors(std::vector<TensorInfo> tensors, std::string_view where);

  File file_;

 private:
  std::vector<TensorInfo> tensors_;
  std::vector<uint32_t> by_name_;  // indices of tensors_, names ascending
};

}  // namespace ominix::formats
