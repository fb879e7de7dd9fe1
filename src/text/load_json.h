#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "text/pipeline.h"

namespace ominix::text {

// A tokenizer.json (of the `tokenizers` library). Errors: corrupt_data, unsupported, too_big.
std::unique_ptr<Pipeline> load_tokenizer_json(std::string_view json, std::string_view where);

// Adds tokens to those that the pipeline has; of two with the same id or content the later counts.
// Errors: too_big (an id far beyond the vocabulary, a long token).
void add_tokens(std::vector<AddedToken> tokens, Pipeline& p, std::string_view where);

// Which tokens a tokenizer_config.json or special_tokens_map.json names as beginning, end, …
void apply_token_names(const Json& config, Pipeline& p);

// add_bos_token and add_eos_token of a tokenizer_config.json, for formats that do not say
// themselves what stands around a text.
void apply_token_settings(const Json& config, Pipeline& p);

}  // namespace ominix::text
