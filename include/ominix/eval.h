#pragma once

#include <ominix/engine.h>

#include <filesystem>
#include <functional>
#include <string>

namespace ominix {

struct EvalOptions {
  std::string taps;       // names of intermediate values to write, '*' for any text; empty: none
  int max_tokens = 0;     // also write `greedy`: that many tokens by the engine's own path
  int prefill_chunk = 0;  // prompt tokens a step for `greedy` and `logits`; 0: all at once
  // Asked between steps; false ends the work with Error cancelled, and nothing is written.
  std::function<bool()> go_on;
};

// One forward pass of a text model, from named tensors to named tensors (safetensors files).
//   in:  input_ids int32 (B, L); optional attention_mask int32 (B, L) for left padding
//   out: logits float32 (B, L, V), zero where padded; greedy int32 (B, N);
//        taps as (T, …): the unpadded tokens of all rows, one row after the other
// Errors: corrupt_data or invalid_argument that names the tensor.
void eval_files(Engine& engine, const std::shared_ptr<const Model>& model,
                const std::filesystem::path& in, const std::filesystem::path& out,
                const EvalOptions& options = {});

}  // namespace ominix
