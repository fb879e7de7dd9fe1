#pragma once

#include <functional>
#include <span>
#include <vector>

#include "mlx/array.h"

namespace ominix::kernels {

using mlx::core::array;

// What a CPU operation does, on MLX's stream thread: reads row-major inputs, fills row-major
// outputs. Outputs never overlap inputs.
using HostFunction =
    std::function<void(std::span<const void* const> inputs, std::span<void* const> outputs)>;

// A graph node that runs `function` when it is evaluated. What it throws reaches kernels::eval() as
// it was, mlx::core::eval() as a std::runtime_error with the same text.
std::vector<array> host_op(const char* name, const std::vector<array>& inputs,
                           std::vector<mlx::core::Shape> shapes,
                           const std::vector<mlx::core::Dtype>& types, HostFunction function);
array host_op(const char* name, std::vector<array> inputs, mlx::core::Shape shape,
              mlx::core::Dtype type, HostFunction function);

bool is_host_op(const mlx::core::Primitive& primitive);
// Runs a node of host_op() whose inputs are evaluated, on the stream thread.
void run_host_op(array& node);

// Row-major memory for an output. Errors: out_of_memory.
void* allocate(array& out);
void copy_row_major(const array& from, char* to);

// Runs a task on MLX's CPU stream thread and waits; what it throws is thrown here.
void on_stream(const std::function<void()>& task);

array as_float(const array& x);  // float32, no node when it is already

}  // namespace ominix::kernels
