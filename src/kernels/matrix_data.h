#pragma once

#include <vector>

#include "kernels/arena.h"
#include "kernels/matrix.h"

namespace ominix::kernels {

class MatrixData {
 public:
  Encoding encoding;
  int64_t rows = 0, cols = 0;
  uint64_t row_bytes[3] = {};
  Arena planes[3];

  void row_values(int64_t row, float* out) const;
};

}  // namespace ominix::kernels
