#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "base/file.h"
#include "formats/tensor_file.h"

namespace ominix::formats {

// A safetensors file, read as strictly as the reference implementation does: the tensors cover the
// data without holes or overlap, up to the last byte of the file.
// https://github.com/huggingface/safetensors#format
class Safetensors : public TensorFile {
 public:
  // Errors: corrupt_data, too_big (a limit), unsupported (F4, F6, …), those of File.
  explicit Safetensors(const std::filesystem::path& path);

  const std::map<std::string, std::string>& metadata() const { return metadata_; }

 private:
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
