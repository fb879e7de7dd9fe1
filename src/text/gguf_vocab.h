#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <ominix/tokenizer.h>

namespace ominix::text {

// The tokenizer.ggml.* metadata of a GGUF file as plain data; the layer above reads the file.
struct GgufVocab {
  std::string model;  // "gpt2", "llama", "bert", "t5"
  std::string pre;    // name of the pre-tokenizer, may be empty
  std::vector<std::string> tokens;
  std::vector<float> scores;         // empty, or one a token
  std::vector<int32_t> token_types;  // empty, or one a token: 1 normal, 2 unknown, 3 control,
                                     // 4 user-defined, 5 unused, 6 byte
  std::vector<std::string> merges;   // "left right"
  std::optional<int32_t> bos, eos, eot, eom, unk, pad, sep, cls;
  std::optional<bool> add_bos, add_eos, add_space_prefix, remove_extra_whitespaces;
  std::string precompiled_charsmap;  // bytes
};

// Errors: corrupt_data, unsupported (a model or pre-tokenizer that is not known).
std::shared_ptr<const Tokenizer> load_gguf(const GgufVocab& vocab);

}  // namespace ominix::text
