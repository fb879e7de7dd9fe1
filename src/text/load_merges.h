#pragma once

#include <string>
#include <string_view>

#include "text/vocabulary.h"

namespace ominix::text {

// The "merges" of a tokenizer.json, ["a b", …] or [["a", "b"], …], as JSON that is known to be
// UTF-8. With `byte_keys` the vocabulary holds byte_key()s; `prefix` is the
// continuing_subword_prefix. Errors: corrupt_data.
MergeTable read_merges(std::string_view json, const Vocabulary& vocabulary, bool byte_keys,
                       const std::string& prefix, std::string_view where);

}  // namespace ominix::text
