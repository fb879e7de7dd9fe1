#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "kernels/kernels.h"
#include "kernels/kv.h"
#include "kernels/matrix.h"

// The operations of kernels.h by MLX's own, for GPUs. Arguments are checked by the caller.
//
// Activations are float32 here too; products and attention compute in the weights' 16-bit type
// where the arithmetic is fast.
namespace ominix::kernels::gpu {

// Whether operations take this path: start() found a GPU to use. MLX's operations also run on the
// CPU, slowly; tests set the path to hold it against the kernels there.
bool in_use();
void use(bool on);

void prepare();              // MLX's settings, before its first operation
double measure_bandwidth();  // GB/s of reading memory

// A matrix as MLX multiplies it: its packed form, or dense in one of the float types.
struct Weights {
  array values;  // dense: (rows, cols); packed: uint32
  std::optional<array> scales, biases;
  int bits = 0, group_size = 0;
  const char* mode = "affine";

  bool packed() const { return scales.has_value(); }
  uint64_t bytes() const;
};

// Fast arithmetic keeps what MLX has a form for packed: its own forms as they are, GGUF's types in
// groups of 32 as affine with float16 scales; other types become float16. Exact arithmetic makes
// everything float32.
Weights pack(const MatrixSource& source);
Weights dense(const array& weight);
array dequantize(const Weights& weight);  // float32

// The columns up to each of `ends`, in arrays of their own.
std::vector<array> linear_parts(const array& x, const Weights& weight,
                                const std::optional<array>& bias, std::span<const int64_t> ends);
array embedding(const array& ids, const Weights& weight);
array rms_norm(const array& x, const array& weight, float eps);
array layer_norm(const array& x, const std::optional<array>& weight,
                 const std::optional<array>& bias, float eps);
array softmax(const array& x);
array silu(const array& x);
array gelu(const array& x);
array gelu_tanh(const array& x);
array argmax(const array& x);
array rope(const array& x, const array& cos, const array& sin, RopePairs pairs);

// Keys and values of one sequence and layer, (1, Hkv, tokens, D): growing ones have room to spare,
// those with a window hold what can still be seen.
struct KvArrays {
  int64_t first = 0;  // the token that stands first
  std::optional<array> keys, values;

  uint64_t bytes() const;
};
array attend(const array& q, const array& k, const array& v, std::span<const AttendRow> rows,
             const AttendOptions& options);
array attend_all(const array& q, const array& k, const array& v, std::span<const int> lengths,
                 float scale);

}  // namespace ominix::kernels::gpu
