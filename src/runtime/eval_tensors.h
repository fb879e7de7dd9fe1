#pragma once

#include <ominix/eval.h>

#include <vector>

#include "base/dtype.h"
#include "formats/safetensors.h"

namespace ominix::runtime {

struct NamedTensor {
  std::string name;
  DType type = DType::f32;
  std::vector<int64_t> shape;
  std::vector<std::byte> bytes;
};

// eval_files() without the file behind it, in the order of the computation. `ids` names the token
// ids (B, L); attention_mask counts for input_ids alone. Errors: those of eval_files.
std::vector<NamedTensor> eval_tensors(Engine& engine, const std::shared_ptr<const Model>& model,
                                      const formats::Safetensors& in, const EvalOptions& options,
                                      std::string_view ids = "input_ids");

}  // namespace ominix::runtime
