#pragma once

#include <cstdint>
#include <span>

#include "kernels/kernels.h"
#include "kernels/matrix_data.h"

// y = x · Wᵀ + b over plain memory, on the thread pool.
namespace ominix::kernels {

// Columns [begin, end) of a product, as an array of their own.
struct ProductPart {
  float* y;
  int64_t begin, end;
};

struct Product {
  const MatrixData* w;
  int64_t m;                           // rows of activations
  const float* x;                      // (m, cols)
  const float* bias = nullptr;         // (rows)
  std::span<const ProductPart> parts;  // cover the columns
  // Not null: row r reads row from[r] of x and is written to row to[r] of the parts.
  const int32_t *from = nullptr, *to = nullptr;
};

// All products at once: many small ones fill the threads together. Width-invariant.
void multiply(std::span<const Product> products, Arithmetic arithmetic);

}  // namespace ominix::kernels
