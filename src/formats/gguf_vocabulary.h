#pragma once

#include <string_view>

#include "formats/gguf_metadata.h"

namespace ominix::formats {

// Checks the tokenizer of a GGUF file (tokenizer.ggml.*), if it has one: pieces, scores and types
// agree in number and element type, special ids lie inside, byte tokens are well formed.
// `where` starts the text of Errors: corrupt_data, too_big.
void check_vocabulary(const GgufMetadata& metadata, std::string_view where);

}  // namespace ominix::formats
