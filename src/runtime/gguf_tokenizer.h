#pragma once

#include <ominix/template.h>
#include <ominix/tokenizer.h>

#include <memory>
#include <string_view>

#include "formats/gguf.h"

namespace ominix::runtime {

// The tokenizer and the chat template that a GGUF file carries; null where it has none.
std::shared_ptr<const Tokenizer> gguf_tokenizer(const formats::GgufMetadata& metadata);
std::unique_ptr<const ChatTemplate> gguf_chat_template(const formats::GgufMetadata& metadata,
                                                       std::string_view name = "default");

}  // namespace ominix::runtime
