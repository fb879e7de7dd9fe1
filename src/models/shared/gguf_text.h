#pragma once

#include "base/json.h"
#include "formats/gguf.h"
#include "weights/rules.h"

// What text families have in common where they come from GGUF files (llama.cpp's names and
// metadata) or from a config.json.
namespace ominix::models::shared {

// A config.json with transformers' key names, made from the metadata of `general.architecture`.
// Errors: corrupt_data, naming the metadata key.
Json gguf_text_config(const formats::Gguf& file, const char* model_type);

// GGUF's tensor names to transformers' names.
weights::Rules gguf_text_rules();

// What published folders of any text family hold and no model needs.
weights::Rules text_rules(const Json& config);

int head_dim_of(const Json& config);  // head_dim, else hidden_size / num_attention_heads

}  // namespace ominix::models::shared
