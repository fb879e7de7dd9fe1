#pragma once

#include <memory>
#include <string_view>

#include "base/json.h"
#include "text/pipeline.h"

namespace ominix::text {

// A tokenizer.json (of the `tokenizers` library). Errors: corrupt_data, unsupported, too_big.
std::unique_ptr<Pipeline> load_tokenizer_json(std::string_view json, std::string_view where);

// Which tokens a tokenizer_config.json or special_tokens_map.json names as beginning, end, …
void apply_tokenizer_config(const Json& config, Pipeline& p);

}  // namespace ominix::text
