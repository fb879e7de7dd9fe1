#pragma once

#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "kernels/kv.h"
#include "kernels/matrix.h"
#include "mlx/array.h"

// Every hot operation of a model, each with one signature on all devices. On the CPU they are MLX
// primitives of ours, on a GPU they call MLX. All of them take and give float32 on the CPU.
//
// Width-invariant: the bytes of a row depend neither on the rows beside it, nor on the number of
// threads, nor on how a prompt was cut into steps.
//
// Errors: shapes are checked when a function is called (invalid_argument); what only the values
// show (a token id past the matrix) is thrown by eval() as a std::runtime_error.
//
// T counts the tokens of all sequences of a step, one sequence after the other.
namespace ominix::kernels {

// Two arithmetics inside quantized products: int8 activations, or float32 throughout.
enum class Arithmetic : uint8_t { fast, exact };

// Sets the arithmetic of what this thread builds until the scope ends. The default is fast.
class ArithmeticScope {
 public:
  explicit ArithmeticScope(Arithmetic arithmetic);
  ArithmeticScope(const ArithmeticScope&) = delete;
  ArithmeticScope& operator=(const ArithmeticScope&) = delete;
  ~ArithmeticScope();

 private:
  Arithmetic before_;
};
Arithmetic current_arithmetic();

// (…, K) · (N, K)ᵀ + (N) -> (…, N)
array linear(const array& x, const Matrix& weight, const std::optional<array>& bias = {});
// The same with its N columns shared out: arrays of `widths` columns, which add up to N.
std::vector<array> linear_parts(const array& x, const Matrix& weight,
                                const std::optional<array>& bias, std::span<const int> widths);

// Matrices of one shape (N, K) that tokens choose from. A handle.
class Experts {
 public:
  explicit Experts(std::vector<Matrix> matrices);  // errors: invalid_argument
  size_t size() const { return matrices_->size(); }
  const Matrix& operator[](size_t i) const { return (*matrices_)[i]; }

 private:
  std::shared_ptr<const std::vector<Matrix>> matrices_;
};

// Token t meets the experts ids[t, j]. ids (T, J) int32; x (T, K), or (T, J, K) where a token
// brings another vector to each of them -> (T, J, N)
array gather_linear(const array& x, const Experts& experts, const array& ids);

// Bytes of the matrices of all products that this thread has built so far: the difference over a
// step is what the step reads of the weights. Experts count as if each choice met another one.
uint64_t weight_bytes();

// (T) int32 ids -> (T, K): rows of the matrix.
array embedding(const array& ids, const Matrix& weight);

// x / sqrt(mean(x²) + eps) · weight over the last axis.
array rms_norm(const array& x, const array& weight, float eps);
array layer_norm(const array& x, const std::optional<array>& weight,
                 const std::optional<array>& bias, float eps);

// {x + residual, rms_norm(x + residual)}
std::pair<array, array> add_rms_norm(const array& x, const array& residual, const array& weight,
                                     float eps);

array softmax(const array& x);  // over the last axis
array silu(const array& x);
array gelu(const array& x);  // erf form
array gelu_tanh(const array& x);
array swiglu(const array& gate, const array& up);  // silu(gate) · up

// Turns the first 2·n of D elements of every head. x (T, H, D), cos and sin (T, n).
// half: pairs (i, i + n); interleaved: pairs (2i, 2i + 1).
enum class RopePairs : uint8_t { half, interleaved };
array rope(const array& x, const array& cos, const array& sin, RopePairs pairs);

// The new tokens of one sequence in a step, and where its earlier keys and values are.
struct AttendRow {
  KvState* state;
  int length;  // new tokens
};

struct AttendOptions {
  float scale = 1.0f;
  int window = 0;         // a query sees this many keys, itself included; 0: all
  float soft_cap = 0.0f;  // c · tanh(score / c); 0: none
  // (H): each head has a score more, which takes weight and brings no value.
  std::optional<array> sinks;
};

// Appends k and v to each row's state, then attends causally: token i of a row sees all keys of its
// own sequence up to itself. q (T, H, D), k (T, Hkv, D), v (T, Hkv, Dv) -> (T, H, Dv).
// The states advance when this is called, their bytes change when the result is evaluated: results
// must be evaluated in the order they were built.
array attend(const array& q, const array& k, const array& v, std::span<const AttendRow> rows,
             const AttendOptions& options);

// Attention without a state, for encoders: rows of `lengths` tokens, each sees all of its row.
array attend_all(const array& q, const array& k, const array& v, std::span<const int> lengths,
                 float scale);

array argmax(const array& x);  // (…, N) -> (…) int32, the lowest index of the largest value

}  // namespace ominix::kernels
