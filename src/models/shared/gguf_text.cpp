#include "models/shared/gguf_text.h"

#include <nlohmann/json.hpp>
#include <string>

#include "base/error.h"

namespace ominix::models::shared {
namespace {

// Reads `architecture`.key.
class Meta {
 public:
  explicit Meta(const formats::Gguf& file)
      : metadata_(file.metadata()),
        prefix_(metadata_.require<std::string>("general.architecture") + ".") {}

  int64_t require(const std::string& key) const {
    return metadata_.require<int64_t>(prefix_ + key);
  }
  std::optional<int64_t> integer(const std::string& key) const {
    return metadata_.find<int64_t>(prefix_ + key);
  }
  std::optional<double> number(const std::string& key) const {
    return metadata_.find<double>(prefix_ + key);
  }
  std::optional<std::string> text(const std::string& key) const {
    return metadata_.find<std::string>(prefix_ + key);
  }

 private:
  const formats::GgufMetadata& metadata_;
  std::string prefix_;
};

}  // namespace

Json gguf_text_config(const formats::Gguf& file, const char* model_type) {
  const Meta meta(file);
  Json c;
  c["model_type"] = model_type;
  c["hidden_size"] = meta.require("embedding_length");
  c["num_hidden_layers"] = meta.require("block_count");
  c["intermediate_size"] = meta.require("feed_forward_length");
  c["num_attention_heads"] = meta.require("attention.head_count");
  if (const auto n = meta.integer("attention.head_count_kv")) c["num_key_value_heads"] = *n;
  if (const auto n = meta.integer("attention.key_length")) c["head_dim"] = *n;
  if (const auto x = meta.number("attention.layer_norm_rms_epsilon")) c["rms_norm_eps"] = *x;
  if (const auto n = meta.integer("context_length")) c["max_position_embeddings"] = *n;
  if (const auto x = meta.number("rope.freq_base")) c["rope_theta"] = *x;
  const auto type = meta.text("rope.scaling.type");
  if (type && *type != "none") {
    Json& scaling = c["rope_scaling"] = Json::object();
    scaling["rope_type"] = *type;
    if (const auto x = meta.number("rope.scaling.factor")) scaling["factor"] = *x;
    if (const auto n = meta.integer("rope.scaling.original_context_length")) {
      scaling["original_max_position_embeddings"] = *n;
    }
  }
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
  using weights::rename;
  return {
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

bool is_tied(const Json& config) {
  const auto found = config.find("tie_word_embeddings");
  return found != config.end() && found->is_boolean() && found->get<bool>();
}

int head_dim_of(const Json& config) {
  const auto integer = [&](const char* key) -> int64_t {
    const auto found = config.find(key);
    return found != config.end() && found->is_number_integer() ? found->get<int64_t>() : 0;
  };
  if (const int64_t d = integer("head_dim"); d > 0) return static_cast<int>(d);
  const int64_t heads = integer("num_attention_heads");
  if (heads <= 0 || integer("hidden_size") < heads) {
    throw Error(ErrorCode::corrupt_data,
                "config.json: 'hidden_size' and 'num_attention_heads' do not give a head size");
  }
  return static_cast<int>(integer("hidden_size") / heads);
}

}  // namespace ominix::models::shared
