#pragma once

#include <optional>
#include <vector>

#include "models/config_reader.h"
#include "nn/rope.h"

namespace ominix::models::shared {

// What config.json says of every decoder of text, by its names there.
struct DecoderConfig {
  int vocab_size = 0, hidden_size = 0, intermediate_size = 0;
  int num_hidden_layers = 0, num_attention_heads = 0, num_key_value_heads = 0, head_dim = 0;
  float rms_norm_eps = 1e-6f;
  std::optional<bool> tie_word_embeddings;  // absent: decided by whether the file has a head
  nn::RopeConfig rope;
};

// Where a family differs in what stands for an absent key; otherwise as the reference.
struct DecoderDefaults {
  float rope_theta = 10000.0f;
  int max_position_embeddings = 2048;
  int head_dim = 0;  // 0: hidden_size / num_attention_heads
  float partial_rotary_factor = 1.0f;
};

// Reads all of it and checks how the sizes fit each other. Errors: corrupt_data.
void read_decoder(ConfigReader& r, DecoderConfig& c, const DecoderDefaults& defaults);

// Keys that each layer sees, 0 for all: `window` where "layer_types" says sliding_attention or,
// without that key, from layer `first` on. window 0: no layer slides.
std::vector<int> read_windows(ConfigReader& r, int layers, int window, int first);
// The same behind Qwen's switch: "sliding_window" counts only where "use_sliding_window" is true,
// and "max_window_layers" is the first layer that slides.
std::vector<int> read_switched_windows(ConfigReader& r, int layers);

}  // namespace ominix::models::shared
