#pragma once

#include <string>

#include "base/json.h"
#include "formats/gguf.h"
#include "models/config_reader.h"
#include "weights/rules.h"

namespace ominix::models::shared {

// The forms in which checkpoints hold SwiGLU experts, to the one that nn::SwiGluExperts asks for,
// `BLOCK`.switch_mlp.gate_proj.E and so on (BLOCK is "mlp" in most families):
// - transformers before 5: BLOCK.experts.E.gate_proj
// - transformers 5: BLOCK.experts.gate_up_proj (E, 2 · inner, hidden), gate first, and down_proj
// - mlx-lm: BLOCK.switch_mlp.gate_proj, stacked
// - GGUF: blk.N.ffn_gate_exps, stacked
weights::Rules expert_rules(const std::string& block);

// Errors: corrupt_data unless 1 ≤ chosen ≤ count ≤ 4096.
void check_experts(const ConfigReader& r, int count, int chosen);

// The metadata of experts, as `count_key`, num_experts_per_tok and moe_intermediate_size.
void gguf_experts(const formats::Gguf& file, Json& config, const char* count_key);

}  // namespace ominix::models::shared
