#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>

#include "base/dtype.h"
#include "mlx/array.h"

namespace ominix::kernels {

using mlx::core::array;

// How a weight matrix is stored in a file.
struct Encoding {
  enum class Mode : uint8_t {
    block,  // `type` says it all: f32, f16, bf16, or a GGUF block type
    affine,
    mxfp4,
    mxfp8,
    nvfp4,  // MLX's packed forms: planes weight, scales (, biases)
  };
  Mode mode = Mode::block;
  DType type = DType::f32;       // block: of the values; MLX forms: of scales and biases
  int bits = 0, group_size = 0;  // MLX forms
};

// A weight matrix somewhere outside: its shape, its encoding, and a way to get at its rows.
struct MatrixSource {
  Encoding encoding;
  int64_t rows = 0, cols = 0;  // y = x · Wᵀ: rows = outputs, cols = inputs
  // Fills `out` with the bytes of `count` rows from `first` on. Plane 0 holds the values, 1 the
  // scales, 2 the biases. Called from any thread, also from several at once; may throw Error.
  std::function<void(int plane, int64_t first, int64_t count, std::byte* out)> read;

  // Bytes of one row of a plane (0 when the encoding has no such plane).
  uint64_t row_bytes(int plane) const;
  int planes() const;
};

class MatrixData;

// A weight matrix (rows, cols) in the layout that this device multiplies fastest, dense or packed.
// A handle: cheap to copy, never changes.
class Matrix {
 public:
  // Reads the source once, in pieces, into the device's layout. Memory holds one copy of the
  // weights plus a few pieces. Errors: whatever `read` throws; unsupported for an encoding without
  // a kernel.
  static Matrix pack(const MatrixSource& source);
  // From a dense (rows, cols) float array.
  static Matrix dense(const array& weight);

  int64_t rows() const;
  int64_t cols() const;
  uint64_t bytes() const;    // memory it takes
  array dequantize() const;  // (rows, cols) float32, exactly the values it stands for
  const MatrixData& data() const { return *data_; }

 private:
  explicit Matrix(std::shared_ptr<const MatrixData> data) : data_(std::move(data)) {}
  std::shared_ptr<const MatrixData> data_;
};

}  // namespace ominix::kernels
