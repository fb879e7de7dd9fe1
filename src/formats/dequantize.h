#pragma once

#include <cstddef>
#include <span>

#include "base/dtype.h"

namespace ominix::formats {

// The reference: stored elements or GGUF blocks to float32, one at a time, bit-equal to the `gguf`
// Python package. `in` holds whole blocks of `type` and `out` one float an element.
// Plain integers convert too (i64 and u64 round); c64 does not.
// Errors: invalid_argument (sizes that do not agree, c64).
void dequantize(DType type, std::span<const std::byte> in, std::span<float> out);

}  // namespace ominix::formats
