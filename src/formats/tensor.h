#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/dtype.h"

namespace ominix::formats {

// A tensor as its file describes it, already checked: the bytes lie inside the file and their
// number is what type and shape ask for.
struct TensorInfo {
  std::string name;
  DType type = DType::f32;
  std::vector<int64_t> shape;  // outermost first (the reverse of the order in a GGUF file)
  uint64_t offset = 0;         // of the first byte, from the start of the file
  uint64_t bytes = 0;

  // Fits 63 bits: the readers checked the product.
  int64_t elements() const {
    int64_t n = 1;
    for (int64_t d : shape) n *= d;
    return n;
  }
};

// More tensors in one file than any model has; keeps the reader's memory near the file's size.
inline constexpr uint64_t kMaxTensors = 1u << 18;

}  // namespace ominix::formats
