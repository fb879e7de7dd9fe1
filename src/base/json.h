#pragma once

#include <cstddef>
#include <nlohmann/json_fwd.hpp>
#include <string_view>

namespace ominix {

using Json = nlohmann::json;                 // keys sorted
using OrderedJson = nlohmann::ordered_json;  // keys as written (chat templates)

struct JsonLimits {
  size_t depth = 64;
  size_t values = 4'000'000;  // numbers, strings, … in all
};

// Strict JSON from bytes nobody vouches for: UTF-8, no duplicate keys, no bytes after the value.
// `where` starts the text of the Error ("config.json", "safetensors: header").
// Errors: corrupt_data (position and reason), too_big (a limit).
Json parse_json(std::string_view text, std::string_view where, JsonLimits limits = {});

// The same, keeping the order of keys. Quadratic in the number of keys of one object, so the
// limits are tighter: not for big machine-made files.
OrderedJson parse_ordered_json(std::string_view text, std::string_view where,
                               JsonLimits limits = {64, 400'000});

}  // namespace ominix
