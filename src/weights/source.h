#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/dtype.h"
#include "kernels/matrix.h"

namespace ominix::formats {
class TensorFile;
}  // namespace ominix::formats

namespace ominix::weights {

using Shape = std::vector<int64_t>;

// "(64, 16)"
std::string to_string(const Shape& shape);

// A tensor in a file: what it is, and how to get at its bytes.
struct StoredTensor {
  DType type = DType::f32;
  Shape shape;
  uint64_t bytes = 0;
  std::function<void(uint64_t offset, std::span<std::byte> out)> read;  // thread-safe, may throw
};

using TensorMap = std::map<std::string, StoredTensor, std::less<>>;

// How a quantized MLX folder packed one module (config.json, "quantization").
struct Quantization {
  kernels::Encoding::Mode mode = kernels::Encoding::Mode::affine;
  int bits = 4, group_size = 64;
};

// The global setting and the overrides by module path.
struct QuantizationConfig {
  Quantization fallback;
  std::map<std::string, Quantization, std::less<>> modules;

  const Quantization& of(const std::string& path) const;
};

// Reads "quantization" (or "quantization_config") of a config.json; nothing when there is none.
// Errors: unsupported (a quantization method of others), corrupt_data.
std::optional<QuantizationConfig> read_quantization(const nlohmann::json& config);

// Where parameters come from: files, or a generator.
class Source {
 public:
  virtual ~Source() = default;
  // The tensor, or nothing when there is none. `expected` is what the model wants; a generator
  // makes exactly that.
  virtual std::optional<StoredTensor> tensor(const std::string& name, const Shape& expected) = 0;
  // The matrix `path`.weight, dense or packed; `used` receives the names it consists of.
  virtual std::optional<kernels::MatrixSource> matrix(const std::string& path, int64_t rows,
                                                      int64_t cols,
                                                      std::vector<std::string>& used) = 0;
  virtual bool has(const std::string& name) const = 0;
  virtual std::vector<std::string> names() const = 0;  // a generator has none
  virtual std::string where() const = 0;               // file or folder, for error texts
};

// The tensors of one file by name; they keep it open.
TensorMap tensors_of(const std::shared_ptr<const formats::TensorFile>& file);

// A source over named tensors, in plain, GGUF or MLX packed form.
std::unique_ptr<Source> make_source(TensorMap tensors,
                                    std::optional<QuantizationConfig> quantization,
                                    std::string where);

// Values from a generator seeded by the tensor's name: any model at any size, without files.
// With `quantization`, matrices whose columns fill whole groups come in MLX's packed form.
struct SyntheticOptions {
  uint64_t seed = 1;
  std::optional<Quantization> quantization;
};
std::unique_ptr<Source> make_synthetic_source(const SyntheticOptions& options);

}  // namespace ominix::weights
