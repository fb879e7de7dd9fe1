#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "kernels/kernels.h"
#include "mlx/array.h"

namespace ominix::nn {

using mlx::core::array;
class Rope;

// One sequence's part in a step: how many new tokens it has, where they stand, and its memory, one
// state a layer. The engine makes it.
struct Row {
  int length = 0;           // new tokens
  int64_t position = 0;     // of the first of them
  int64_t rope_length = 0;  // the length that length-dependent ropes go by, fixed at its start
  std::vector<kernels::KvState>* states = nullptr;
};

// Receives intermediate values by name ("layers.3.attn"); used by eval and golden tests.
using Tap = std::function<void(std::string_view name, const array& value)>;

// One forward pass: the new tokens of all running sequences, one sequence after the other, as T
// rows of every activation. There is no batch axis and no padding; what belongs to whom is known
// here alone.
class Pass {
 public:
  explicit Pass(std::vector<Row> rows, Tap tap = {});

  std::span<const Row> rows() const { return rows_; }
  int tokens() const { return tokens_; }

  // Turns x (T, H, D) by each token's position.
  array rope(const Rope& rope, const array& x);

  // Causal attention of layer `layer` over each sequence's own past and new tokens.
  // q (T, H, D), k (T, Hkv, D), v (T, Hkv, Dv) -> (T, H * Dv)
  array attend(int layer, const array& q, const array& k, const array& v,
               const kernels::AttendOptions& options);

  // Names a value; costs nothing when nobody listens.
  void tap(std::string_view name, const array& value) const {
    if (tap_) tap_(name, value);
  }
  // tap("layers.3.attn"), without building the name for nothing.
  void tap(int layer, std::string_view name, const array& value) const;

 private:
  struct Tables {
    array cos, sin;
  };
  std::vector<Row> rows_;
  Tap tap_;
  int tokens_ = 0;
  std::unordered_map<const Rope*, Tables> tables_;
};

}  // namespace ominix::nn
