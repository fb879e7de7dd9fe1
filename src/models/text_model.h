#pragma once

#include <vector>

#include "kernels/kv.h"
#include "mlx/array.h"
#include "nn/pass.h"

namespace ominix::models {

using mlx::core::array;

struct TextInfo {
  int vocab_size = 0;
  int64_t max_positions = 0;  // tokens the model was made for
  // Do keys depend on the length that the text had at its start (nn::Row::rope_length)?
  bool rope_by_length = false;
};

// A decoder of text. Const after construction: all that changes is in the states, which the engine
// makes from state_spec().
class TextModel {
 public:
  virtual ~TextModel() = default;

  virtual TextInfo info() const = 0;
  // What each layer must remember of a sequence, in the order of the layers.
  virtual std::vector<kernels::KvSpec> state_spec() const = 0;
  // The new tokens of all rows of the pass, ids (T) int32 -> hidden states after the last norm (T,
  // D).
  virtual array forward(const array& ids, nn::Pass& pass) const = 0;
  // (R, D) -> (R, V). Apart from forward, so that a prompt costs one row of logits.
  virtual array logits(const array& hidden) const = 0;
};

}  // namespace ominix::models
