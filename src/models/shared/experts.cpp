#include "models/shared/experts.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "models/shared/gguf_text.h"

namespace ominix::models::shared {

weights::Rules expert_rules(const std::string& block) {
  using weights::rename;
  using weights::split_rows_in_half;
  using weights::split_stack;
  const std::string experts = "*." + block + ".experts.", stack = "*." + block + ".switch_mlp.";
  weights::Rules out = {
      split_stack(experts + "gate_up_proj", experts + "#.gate_up_proj.weight"),
      split_rows_in_half(experts + "*.gate_up_proj.weight", experts + "*.gate_proj.weight",
                         experts + "*.up_proj.weight"),
      split_stack(experts + "down_proj", experts + "#.down_proj.weight"),
      rename("blk.*.ffn_gate_exps.*", "model.layers." + stack + "gate_proj.*"),
      rename("blk.*.ffn_up_exps.*", "model.layers." + stack + "up_proj.*"),
      rename("blk.*.ffn_down_exps.*", "model.layers." + stack + "down_proj.*"),
  };
  for (const char* part : {"gate_proj", "up_proj", "down_proj"}) {
    out.push_back(
        rename(fmt::format("{}*.{}.*", experts, part), fmt::format("{}{}.*.*", stack, part)));
    for (const char* plane : {"weight", "scales", "biases"})
      out.push_back(split_stack(fmt::format("{}{}.{}", stack, part, plane),
                                fmt::format("{}{}.#.{}", stack, part, plane)));
  }
  return out;
}

void check_experts(const ConfigReader& r, int count, int chosen) {
  r.check(chosen >= 1 && chosen <= count && count <= 4096,
          fmt::format("{} experts of which a token meets {}, expected at most 4096 and as many",
                      count, chosen));
}

void gguf_experts(const formats::Gguf& file, Json& config, const char* count_key) {
  const GgufMeta meta(file);
  config[count_key] = meta.require("expert_count");
  config["num_experts_per_tok"] = meta.require("expert_used_count");
  if (const auto n = meta.integer("expert_feed_forward_length"))
    config["moe_intermediate_size"] = *n;
}

}  // namespace ominix::models::shared
