#include "models/shared/gguf_text.h"

#include <algorithm>
#include <iterator>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/error.h"

namespace ominix::models::shared {

GgufMeta::GgufMeta(const formats::Gguf& file)
    : metadata_(file.metadata()),
      prefix_(metadata_.require<std::string>("general.architecture") + ".") {}

int64_t GgufMeta::require(const std::string& key) const {
  return metadata_.require<int64_t>(prefix_ + key);
}
std::optional<int64_t> GgufMeta::integer(const std::string& key) const {
  return metadata_.find<int64_t>(prefix_ + key);
}
std::optional<double> GgufMeta::number(const std::string& key) const {
  return metadata_.find<double>(prefix_ + key);
}
std::optional<std::string> GgufMeta::text(const std::string& key) const {
  return metadata_.find<std::string>(prefix_ + key);
}
std::optional<bool> GgufMeta::flag(const std::string& key) const {
  return metadata_.find<bool>(prefix_ + key);
}

namespace {

// The numbers of a small float32 tensor, or nothing when there is none.
std::optional<std::vector<float>> floats_of(const formats::Gguf& file, const char* name) {
  constexpr int64_t kMost = 1 << 15;
  const formats::TensorInfo* info = file.find(name);
  if (!info) return std::nullopt;
  if (info->type != DType::f32 || info->shape.size() != 1 || info->shape[0] > kMost) {
    throw fail(ErrorCode::corrupt_data,
               "gguf: tensor '{}' has type {} and {} axes, expected at most {} f32 numbers", name,
               to_string(info->type), info->shape.size(), kMost);
  }
  std::vector<float> out(static_cast<size_t>(info->shape[0]));
  file.read(*info, 0, std::as_writable_bytes(std::span(out)));
  return out;
}

// How positions are stretched: in metadata or, when each frequency has a factor of its own, as
// tensors (llama.cpp writes those of llama3 and longrope so).
Json rope_scaling(const formats::Gguf& file, const GgufMeta& meta) {
  Json out = Json::object();
  const auto number = [&](const char* key, const char* name) {
    if (const auto x = meta.number(std::string("rope.scaling.") + key)) out[name] = *x;
  };
  const auto type = meta.text("rope.scaling.type");
  if (type && *type != "none") {
    out["rope_type"] = *type;
    number("factor", "factor");
    number("yarn_beta_fast", "beta_fast");
    number("yarn_beta_slow", "beta_slow");
  }
  if (const auto n = meta.integer("rope.scaling.original_context_length"))
    out["original_max_position_embeddings"] = *n;
  if (const auto factors = floats_of(file, "rope_freqs.weight")) {
    out["rope_type"] = "factors";
    out["factors"] = *factors;
  }
  const auto longer = floats_of(file, "rope_factors_long.weight");
  const auto shorter = floats_of(file, "rope_factors_short.weight");
  if (longer && shorter) {
    out["rope_type"] = "longrope";
    out["long_factor"] = *longer;
    out["short_factor"] = *shorter;
    number("attn_factor", "attention_factor");
  }
  return out;
}

}  // namespace

Json gguf_text_config(const formats::Gguf& file, const char* model_type) {
  const GgufMeta meta(file);
  Json c;
  c["model_type"] = model_type;
  c["hidden_size"] = meta.require("embedding_length");
  c["num_hidden_layers"] = meta.require("block_count");
  c["intermediate_size"] = meta.require("feed_forward_length");
  c["num_attention_heads"] = meta.require("attention.head_count");
  if (const auto n = meta.integer("attention.head_count_kv")) c["num_key_value_heads"] = *n;
  if (const auto n = meta.integer("attention.key_length")) c["head_dim"] = *n;
  // Where the number of turning elements is not that of a head.
  const int64_t heads = std::max<int64_t>(meta.require("attention.head_count"), 1);
  const int64_t head_dim =
      meta.integer("attention.key_length").value_or(meta.require("embedding_length") / heads);
  if (const auto n = meta.integer("rope.dimension_count"); n && head_dim > 0 && *n != head_dim)
    c["partial_rotary_factor"] = static_cast<double>(*n) / static_cast<double>(head_dim);
  if (const auto x = meta.number("attention.layer_norm_rms_epsilon")) c["rms_norm_eps"] = *x;
  if (const auto n = meta.integer("context_length")) c["max_position_embeddings"] = *n;
  if (const auto x = meta.number("rope.freq_base")) c["rope_theta"] = *x;
  if (Json scaling = rope_scaling(file, meta); scaling.contains("rope_type"))
    c["rope_scaling"] = std::move(scaling);
  // The embedding says how many tokens there are; a file without an output head ties both.
  const formats::TensorInfo* embedding = file.find("token_embd.weight");
  if (!embedding || embedding->shape.size() != 2) {
    throw Error(ErrorCode::corrupt_data,
                "gguf: tensor 'token_embd.weight' is missing or has no two axes");
  }
  c["vocab_size"] = embedding->shape[0];
  c["tie_word_embeddings"] = file.find("output.weight") == nullptr;
  return c;
}

weights::Rules gguf_text_rules() {
  using weights::drop;
  using weights::rename;
  return {
      drop("rope_freqs.weight"),  // in the configuration
      drop("rope_factors_*.weight"),
      rename("token_embd.*", "model.embed_tokens.*"),
      rename("output_norm.*", "model.norm.*"),
      rename("output.*", "lm_head.*"),
      rename("blk.*.attn_norm.*", "model.layers.*.input_layernorm.*"),
      rename("blk.*.ffn_norm.*", "model.layers.*.post_attention_layernorm.*"),
      rename("blk.*.attn_q_norm.*", "model.layers.*.self_attn.q_norm.*"),
      rename("blk.*.attn_k_norm.*", "model.layers.*.self_attn.k_norm.*"),
      rename("blk.*.attn_q.*", "model.layers.*.self_attn.q_proj.*"),
      rename("blk.*.attn_k.*", "model.layers.*.self_attn.k_proj.*"),
      rename("blk.*.attn_v.*", "model.layers.*.self_attn.v_proj.*"),
      rename("blk.*.attn_output.*", "model.layers.*.self_attn.o_proj.*"),
      rename("blk.*.ffn_gate.*", "model.layers.*.mlp.gate_proj.*"),
      rename("blk.*.ffn_up.*", "model.layers.*.mlp.up_proj.*"),
      rename("blk.*.ffn_down.*", "model.layers.*.mlp.down_proj.*"),
  };
}

weights::Rules text_rules(const Json& config) {
  weights::Rules out = {weights::drop("*.rotary_emb.inv_freq")};
  // A stray head of a tied model is a copy of the embedding.
  const auto tied = config.find("tie_word_embeddings");
  if (tied != config.end() && *tied == true) out.push_back(weights::drop("lm_head.*"));
  return out;
}

namespace {

// head_dim, else hidden_size / num_attention_heads
int64_t head_dim_of(const Json& config) {
  const auto integer = [&](const char* key) -> int64_t {
    const auto found = config.find(key);
    return found != config.end() && found->is_number_integer() ? found->get<int64_t>() : 0;
  };
  if (const int64_t d = integer("head_dim"); d > 0) return d;
  const int64_t heads = integer("num_attention_heads");
  if (heads <= 0 || integer("hidden_size") < heads) {
    throw Error(ErrorCode::corrupt_data,
                "config.json: 'hidden_size' and 'num_attention_heads' do not give a head size");
  }
  return integer("hidden_size") / heads;
}

}  // namespace

weights::Rules gguf_unpaired_rules(const Json& config) {
  const int64_t head_dim = head_dim_of(config);
  const auto half_from_pairs = [head_dim](int64_t row, int64_t) {
    const int64_t head = row / head_dim, at = row % head_dim, half = head_dim / 2;
    return head * head_dim + 2 * (at % half) + at / half;
  };
  weights::Rules out;
  for (const char* name : {"*.self_attn.q_proj.*", "*.self_attn.k_proj.*"})
    out.push_back(weights::reorder_rows(name, half_from_pairs));
  return out;
}

weights::Rules joined(std::vector<weights::Rules> parts) {
  weights::Rules out;
  for (weights::Rules& part : parts) std::ranges::move(part, std::back_inserter(out));
  return out;
}

}  // namespace ominix::models::shared
