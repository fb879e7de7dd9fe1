#include "models/shared/decoder_config.h"

#include <fmt/format.h>

#include "models/shared/rope_config.h"

namespace ominix::models::shared {

void read_decoder(ConfigReader& r, DecoderConfig& c, const DecoderDefaults& defaults) {
  r.require("vocab_size", c.vocab_size);
  r.require("hidden_size", c.hidden_size);
  r.require("intermediate_size", c.intermediate_size);
  r.require("num_hidden_layers", c.num_hidden_layers);
  r.require("num_attention_heads", c.num_attention_heads);
  if (!r.optional("num_key_value_heads", c.num_key_value_heads))
    c.num_key_value_heads = c.num_attention_heads;
  r.size("vocab_size", c.vocab_size);
  r.size("hidden_size", c.hidden_size);
  r.size("intermediate_size", c.intermediate_size);
  r.size("num_attention_heads", c.num_attention_heads);
  r.size("num_key_value_heads", c.num_key_value_heads);
  r.check(c.num_hidden_layers >= 1 && c.num_hidden_layers <= 1024,
          "'num_hidden_layers' must be 1 to 1024");
  r.check(c.num_attention_heads % c.num_key_value_heads == 0,
          "'num_attention_heads' must be a multiple of 'num_key_value_heads'");
  c.head_dim = defaults.head_dim;
  if (!r.optional("head_dim", c.head_dim) && defaults.head_dim == 0) {
    r.check(c.hidden_size % c.num_attention_heads == 0,
            "'hidden_size' must be a multiple of 'num_attention_heads' where 'head_dim' is absent");
    c.head_dim = c.hidden_size / c.num_attention_heads;
  }
  r.size("head_dim", c.head_dim);
  r.check(int64_t{c.num_attention_heads} * c.head_dim <= 1 << 26,
          "'num_attention_heads' times 'head_dim' is more than 67108864");
  r.optional("rms_norm_eps", c.rms_norm_eps);
  bool tied = false;
  if (r.optional("tie_word_embeddings", tied)) c.tie_word_embeddings = tied;
  c.rope = read_rope(r, c.head_dim, defaults.rope_theta, defaults.max_position_embeddings,
                     defaults.partial_rotary_factor);
  std::string act = "silu";
  r.optional("hidden_act", act);
  r.check(act == "silu", "'hidden_act' is not silu, which is all that this family has");
}

std::vector<int> read_windows(ConfigReader& r, int layers, int window, int first) {
  std::vector<int> out(static_cast<size_t>(layers), 0);
  std::vector<std::string> types;
  const bool typed = r.optional("layer_types", types);
  if (typed) {
    r.check(types.size() == out.size(),
            fmt::format("'layer_types' names {} layers, expected {}", types.size(), layers));
  }
  for (size_t i = 0; i < out.size(); ++i) {
    if (typed) {
      r.check(types[i] == "full_attention" || types[i] == "sliding_attention",
              fmt::format("'layer_types' has '{}', expected full_attention or sliding_attention",
                          types[i]));
    }
    const bool slides = typed ? types[i] == "sliding_attention" : static_cast<int>(i) >= first;
    if (slides) out[i] = window;
  }
  return out;
}

std::vector<int> read_switched_windows(ConfigReader& r, int layers) {
  bool use = false;
  int window = 4096, first = 28;
  r.optional("use_sliding_window", use);
  r.optional("sliding_window", window);
  r.optional("max_window_layers", first);
  if (use) r.size("sliding_window", window);
  return read_windows(r, layers, use ? window : 0, first);
}

}  // namespace ominix::models::shared
