#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "mlx/array.h"

namespace ominix::kernels {

using mlx::core::array;

// Evaluates as mlx::core::eval() does. Our operations, and those of MLX that only look at memory in
// another way, run as one task of the stream thread: MLX's own hand-over of each node to that
// thread costs more than a small model's arithmetic. What an operation throws is thrown here as it
// was, an Error with its code. Must be called on the engine thread.
void eval(const std::vector<array>& outputs);

// A node of a graph that is not evaluated yet.
struct Operation {
  std::string_view name;
  bool own;          // runs in the task; the others are handed to MLX one by one
  int64_t elements;  // of its inputs and outputs together
};
// What eval() would do, in its order.
std::vector<Operation> operations(const std::vector<array>& outputs);

}  // namespace ominix::kernels
