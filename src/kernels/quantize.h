#pragma once

#include <cstddef>
#include <vector>

#include "kernels/matrix.h"

namespace ominix::kernels {

// The planes of MLX's packed forms, row by row as its files hold them: values (little-endian words
// of 32 bits), scales, and in affine mode biases.
struct PackedPlanes {
  std::vector<std::byte> planes[3];
};

// Packs a matrix, bit for bit as mlx::core::quantize() 0.32.4 does on the CPU with an array of the
// same type: affine in float32, its scales and biases rounded to `to.type` in the end; mx and nv
// with scales rounded to the source's type first. Packed sources count as float32.
// Errors: those of the source's `read`; invalid_argument for columns that do not fill groups;
// unsupported for a form that MLX does not have. Must be called on the engine thread.
PackedPlanes quantize(const MatrixSource& source, const Encoding& to);

}  // namespace ominix::kernels
